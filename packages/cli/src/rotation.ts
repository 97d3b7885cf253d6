import { formatMilliseconds, parseDuration } from './duration.ts'
import { usageFailure } from './failure.ts'
import type { Invocation } from './invocation.ts'
import { localTime } from './moment.ts'
import type { CredentialResource, PropagationResource } from './resources.ts'

export interface RevokedResource {
  readonly credential: CredentialResource
  readonly propagation?: PropagationResource
}

/** `--overlap 1h` in seconds. */
export function overlapSeconds(text: string): number {
  const seconds = parseDuration(text)
  if (seconds === null)
    throw usageFailure(`--overlap takes a duration such as 1h or 30m, not ${JSON.stringify(text)}`)
  return seconds
}

/** `✓ version 2 issued; version 1 ends 14:32` */
export function reportRotation(invocation: Invocation, credential: CredentialResource): void {
  const nowMs = invocation.terminal.clock()
  const versions = [...credential.versions].sort((a, b) => b.version - a.version)
  const [newest, previous] = versions
  if (newest === undefined) return
  const parts = [`version ${newest.version} issued`]
  for (const { version, status, ends_at } of versions.slice(1).reverse()) {
    if (status === 'ending' && ends_at !== null)
      parts.push(`version ${version} ends ${localTime(ends_at, nowMs)}`)
  }
  if (parts.length === 1 && previous !== undefined) parts.push(`version ${previous.version} has ended`)
  invocation.done(parts.join('; '))
}

/** `✓ revoked; refused by 1 of 1 node after 3 ms (bound 1 s)` */
export function reportRevocation(
  invocation: Invocation,
  revoked: RevokedResource,
  version: number | null,
): void {
  if (invocation.jsonAsked) invocation.printJson(revoked)
  const what = version === null ? 'revoked' : `version ${version} revoked`
  const { propagation } = revoked
  if (propagation === undefined) {
    invocation.done(what)
    return
  }
  const { nodes, confirmed, after_ms, bound_ms } = propagation
  const where = `${confirmed} of ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`
  invocation.done(
    `${what}; refused by ${where} after ${formatMilliseconds(after_ms)} (bound ${formatMilliseconds(bound_ms)})`,
  )
  if (confirmed < nodes) {
    invocation.warn(
      `the other nodes refuse it ${formatMilliseconds(bound_ms)} after the revoke at the latest`,
    )
  }
}
