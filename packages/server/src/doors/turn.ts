/**
 * Gathers calls of one turn of the event loop and handles them together at its end. Answering each request between two
 * reads from sockets was measured at 80 µs of a core, answering the same requests in one go at 30 µs (32 connections).
 * A request that is alone waits for nothing.
 * @param runAll must not throw
 */
export function atEndOfTurn<Call>(runAll: (calls: readonly Call[]) => void): (call: Call) => void {
  let waiting: Call[] = []
  const runWaiting = () => {
    const calls = waiting
    waiting = []
    runAll(calls)
  }
  return (call) => {
    if (waiting.length === 0) setImmediate(runWaiting)
    waiting.push(call)
  }
}
