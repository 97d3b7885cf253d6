/** What a door does with each of the requests that came at once. What throws is a fault of ours. */
export interface Steps<Call, Asked, Decided> {
  /** What is to be decided about; null: it has been answered. */
  readonly read: (call: Call) => Asked | null | Promise<Asked | null>
  /** In the order in which it was asked. */
  readonly decideAll: (asked: readonly Asked[]) => readonly (Decided | Promise<Decided>)[]
  readonly answer: (call: Call, decided: Decided) => void
  readonly fail: (call: Call, error: unknown) => void
}

/**
 * All are read, then all are decided about, then all are answered, each in a small loop of its own. At once where nothing
 * has to be waited for, and whoever has to wait holds up nobody else. Throws only where `decideAll` or `fail` does.
 */
export function handleTogether<Call, Asked, Decided>(
  calls: readonly Call[],
  steps: Steps<Call, Asked, Decided>,
): void {
  const open: Call[] = []
  const asked: Asked[] = []
  for (const call of calls) {
    try {
      const read = steps.read(call)
      if (read instanceof Promise) {
        read
          .then((later) => later !== null && decideTogether([call], [later], steps))
          .catch((error) => steps.fail(call, error))
      } else if (read !== null) {
        open.push(call)
        asked.push(read)
      }
    } catch (error) {
      steps.fail(call, error)
    }
  }
  decideTogether(open, asked, steps)
}

function decideTogether<Call, Asked, Decided>(
  calls: readonly Call[],
  asked: readonly Asked[],
  steps: Steps<Call, Asked, Decided>,
): void {
  for (const [at, decided] of steps.decideAll(asked).entries()) {
    const call = calls[at]!
    if (decided instanceof Promise) {
      decided.then((later) => steps.answer(call, later)).catch((error) => steps.fail(call, error))
      continue
    }
    try {
      steps.answer(call, decided)
    } catch (error) {
      steps.fail(call, error)
    }
  }
}
