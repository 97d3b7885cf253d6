/**
 * Gathers calls of one turn of the event loop and makes them one after the other at its end. Answering each
 * request between two reads from sockets was measured at 80 µs of a core, answering the same requests in one go
 * at 30 µs (32 connections). A request that is alone waits for nothing.
 * @param run must not throw
 */
export function atEndOfTurn<Args extends unknown[]>(run: (...args: Args) => void): (...args: Args) => void {
  return gathered(run, setImmediate)
}

/**
 * The same, but as soon as what runs now is done. For what requests of one turn do after each other: all are decided
 * about, then all are answered. Two small loops were measured at a tenth less than one long one.
 * @param run must not throw
 */
export function afterTheOthers<Args extends unknown[]>(
  run: (...args: Args) => void,
): (...args: Args) => void {
  return gathered(run, process.nextTick)
}

function gathered<Args extends unknown[]>(
  run: (...args: Args) => void,
  schedule: (runAll: () => void) => void,
): (...args: Args) => void {
  let waiting: Args[] = []
  const runAll = () => {
    const calls = waiting
    waiting = []
    for (const args of calls) run(...args)
  }
  return (...args) => {
    if (waiting.length === 0) schedule(runAll)
    waiting.push(args)
  }
}
