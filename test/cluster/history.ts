/**
 * What clients saw of a cluster, and what must hold of it (SECURITY.md: revocation). Every time is by the clients'
 * one monotonic clock, in milliseconds.
 */

export interface Verified {
  readonly node: string
  readonly credentialId: string
  readonly startMs: number
  readonly endMs: number
  readonly code: string
}

export interface Revoked {
  readonly credentialId: string
  readonly startMs: number
  /** When the revoke was acknowledged; null: it never was. */
  readonly acknowledgedMs: number | null
}

export interface History {
  readonly verified: readonly Verified[]
  readonly revoked: readonly Revoked[]
}

export interface Violation {
  readonly rule: 'accepted past the bound' | 'accepted after it was refused' | 'refused before it was revoked'
  readonly verified: Verified
  /** By how much, in milliseconds. */
  readonly byMs: number
}

/** Codes that say: this credential was taken back. */
const REFUSED = 'REVOKED'

/**
 * 1. No request that starts after acknowledgement + bound is VALID, on any node.
 * 2. Once a node has refused a credential as revoked, that node never accepts it again, and no node does for
 *    requests that start the bound later.
 * 3. Nobody refuses a credential as revoked whose revoke was not asked for yet (or the test would prove nothing).
 */
export function violations({ verified, revoked }: History, boundMs: number): Violation[] {
  const found: Violation[] = []
  const revokes = new Map(revoked.map((one) => [one.credentialId, one]))
  const firstRefusals = firstRefusalsOf(verified)
  for (const one of verified) {
    const revoke = revokes.get(one.credentialId)
    if (one.code === REFUSED && (revoke === undefined || one.endMs < revoke.startMs)) {
      found.push({
        rule: 'refused before it was revoked',
        verified: one,
        byMs: (revoke?.startMs ?? Number.POSITIVE_INFINITY) - one.endMs,
      })
    }
    if (one.code !== 'VALID') continue
    const latestMs = (revoke?.acknowledgedMs ?? Number.POSITIVE_INFINITY) + boundMs
    if (one.startMs > latestMs) {
      found.push({ rule: 'accepted past the bound', verified: one, byMs: one.startMs - latestMs })
    }
    const here = firstRefusals.get(`${one.node} ${one.credentialId}`) ?? Number.POSITIVE_INFINITY
    const anywhere = firstRefusals.get(one.credentialId) ?? Number.POSITIVE_INFINITY
    const refusedMs = Math.min(here, anywhere + boundMs)
    if (one.startMs > refusedMs) {
      found.push({ rule: 'accepted after it was refused', verified: one, byMs: one.startMs - refusedMs })
    }
  }
  return found
}

/** When each credential was first refused as revoked: on each node, and anywhere. */
function firstRefusalsOf(verified: readonly Verified[]): Map<string, number> {
  const first = new Map<string, number>()
  for (const { node, credentialId, endMs, code } of verified) {
    if (code !== REFUSED) continue
    for (const key of [`${node} ${credentialId}`, credentialId]) {
      first.set(key, Math.min(first.get(key) ?? Number.POSITIVE_INFINITY, endMs))
    }
  }
  return first
}

/**
 * How long after its acknowledgement each revoke was still not in force: until the last request that was accepted
 * started; 0 where none was accepted after it. Milliseconds.
 */
export function delaysOf({ verified, revoked }: History): number[] {
  return revoked
    .filter((one) => one.acknowledgedMs !== null)
    .map(({ credentialId, acknowledgedMs }) =>
      verified
        .filter((one) => one.credentialId === credentialId && one.code === 'VALID')
        .reduce((latest, { startMs }) => Math.max(latest, startMs - acknowledgedMs!), 0),
    )
}

/** The value that `share` (0 … 1) of the sample do not exceed. */
export function percentile(sample: readonly number[], share: number): number {
  const sorted = sample.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}
