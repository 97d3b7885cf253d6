/** A worker that stayed so long did not end because it cannot run. */
const STEADY_MS = 10_000
const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 30_000
/** So often in a row a worker may end soon after its start, while no other answers, before the primary gives up. */
const MAX_SOON_ENDED = 5

/** When a worker that has ended is started again: at once after a good while, ever later when it ends ever again. */
export class Restarts {
  /** By number: how often in a row it ended soon. */
  readonly #soonEnded = new Map<number, number>()

  /**
   * @param readyForMs how long the worker answered; null: it never came so far
   * @param othersAnswer whether another worker does, so that the service goes on without this one
   * @returns milliseconds to wait before the next start; null: give up
   */
  delayMs(number: number, readyForMs: number | null, othersAnswer: boolean): number | null {
    const isSoon = readyForMs === null || readyForMs < STEADY_MS
    const times = isSoon ? (this.#soonEnded.get(number) ?? 0) + 1 : 0
    this.#soonEnded.set(number, times)
    if (times >= MAX_SOON_ENDED && !othersAnswer) return null
    return Math.min(FIRST_DELAY_MS * 2 ** Math.max(0, times - 1), MAX_DELAY_MS)
  }
}
