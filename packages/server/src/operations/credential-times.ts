import type { ApiRecord } from '@credence/core'
import type { FieldError } from './operation.ts'

interface Span {
  readonly notBeforeMs: number | null
  readonly expiresAtMs: number | null
}

/**
 * Every reason why a credential cannot have this beginning and end.
 * @param createdAtMs when the credential was or is made: what an API allows at most counts from here
 */
export function timeErrors(
  { notBeforeMs, expiresAtMs }: Span,
  apis: readonly ApiRecord[],
  createdAtMs: number,
  nowMs: number,
): FieldError[] {
  const errors: FieldError[] = []
  if (expiresAtMs !== null && expiresAtMs <= nowMs) {
    errors.push({ field: 'expires_at', detail: 'must lie in the future' })
  }
  if (expiresAtMs !== null && notBeforeMs !== null && notBeforeMs >= expiresAtMs) {
    errors.push({ field: 'not_before', detail: 'must be before expires_at' })
  }
  for (const { name, maxLifetimeSeconds } of apis) {
    if (maxLifetimeSeconds === null) continue
    const latestMs = createdAtMs + maxLifetimeSeconds * 1000
    if (expiresAtMs !== null && expiresAtMs <= latestMs) continue
    const bound = `credentials of ${name} live at most ${maxLifetimeSeconds} s: must be at or before`
    const detail = `${expiresAtMs === null ? 'is required; ' : ''}${bound} ${new Date(latestMs).toISOString()}`
    errors.push({ field: 'expires_at', detail })
  }
  return errors
}
