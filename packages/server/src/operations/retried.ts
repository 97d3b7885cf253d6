import type { Conflict } from '../store/port.ts'
import type { Outcome } from './operation.ts'

const MAX_ATTEMPTS = 4

/**
 * Runs an operation again, from its reads on, when somebody else wrote in between what it had relied on. A caller
 * that named the revision it expects hears of it then: the new attempt compares again.
 * @param alsoTaken whether a unique name that was taken in between is a reason too
 */
export async function retried<T>(
  attempt: () => Promise<Outcome<T>>,
  alsoTaken: (conflict: Extract<Conflict, { type: 'taken' }>) => boolean = () => false,
): Promise<Outcome<T>> {
  for (let tries = 1; ; tries++) {
    const outcome = await attempt()
    if (outcome.ok || tries === MAX_ATTEMPTS) return outcome
    const { conflict } = outcome.problem
    const isRace = conflict?.type === 'revision' || (conflict?.type === 'taken' && alsoTaken(conflict))
    if (!isRace) return outcome
  }
}
