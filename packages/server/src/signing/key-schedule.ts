import type { SIGNING_KEY_STATES, SigningKeyRecord } from '@credence/core'

/** When signing keys change. All of it in milliseconds. */
export interface KeySchedule {
  /** How long a key signs. */
  readonly rotationMs: number
  /** How long a key is published before it signs: whoever keeps our key set for less than that always has it. */
  readonly publishedAheadMs: number
}

/** Longest life of an access token. Seconds. */
export const MAX_TOKEN_LIFE_SECONDS = 86_400
/** A node that was cut off may sign with a key for as long after it was retired as it believes what it knows. */
const LATE_NEWS_MS = 300_000

/** How long what a key signed may still be alive after it is retired. */
export const TRUSTED_AFTER_MS = MAX_TOKEN_LIFE_SECONDS * 1000 + LATE_NEWS_MS

/** What there is to do by the schedule. */
export type KeyStep = 'make' | 'replace_next' | 'rotate' | null

/** The keys by what they are for. */
export interface KeySet {
  readonly next: SigningKeyRecord | null
  readonly current: SigningKeyRecord | null
  /** Those from which nothing counts any more. */
  readonly gone: readonly SigningKeyRecord[]
}

export function keySetOf(keys: readonly SigningKeyRecord[], nowMs: number): KeySet {
  const of = (state: (typeof SIGNING_KEY_STATES)[number]) => keys.find((key) => key.state === state) ?? null
  const gone = keys.filter(({ state, stateChangedAtMs, trustedUntilMs }) => {
    // A revoked key counts no more, but whoever looks for what was revoked should still find it for a while.
    if (state === 'revoked') return nowMs >= stateChangedAtMs + TRUSTED_AFTER_MS
    return state === 'retired' && trustedUntilMs !== null && nowMs >= trustedUntilMs
  })
  return { next: of('next'), current: of('current'), gone }
}

/** From when on the next key may sign. */
export function signsFromMs(next: SigningKeyRecord, { publishedAheadMs }: KeySchedule): number {
  return next.createdAtMs + publishedAheadMs
}

/** @param algorithm that new keys are of: the next one, which signs nothing yet, gives way to one of it */
export function dueStep(
  { next, current }: KeySet,
  algorithm: SigningKeyRecord['algorithm'],
  schedule: KeySchedule,
  nowMs: number,
): KeyStep {
  if (current === null || next === null) return 'make'
  if (next.algorithm !== algorithm) return 'replace_next'
  const isDue = nowMs >= current.stateChangedAtMs + schedule.rotationMs
  return isDue && nowMs >= signsFromMs(next, schedule) ? 'rotate' : null
}
