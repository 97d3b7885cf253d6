import { createHash } from 'node:crypto'
import { type AuditRow, StoreFault } from './port.ts'

/**
 * The audit trail is one chain for the installation: each entry's hash covers the hash before it, so an entry
 * that was changed, removed or slipped in breaks every hash after it. Whoever keeps the newest hash elsewhere
 * notices a trail that was rewritten as a whole.
 */

/** What the first entry is chained to. */
export const FIRST_AUDIT_HASH = '0'.repeat(64)

/**
 * Hex SHA-256 over the hash of the entry before, a line feed, and the entry's canonical JSON.
 * @throws StoreFault for text that would come back from a database otherwise than it went in: the chain would break
 */
export function auditHash(previousHash: string, entry: Omit<AuditRow, 'hash'>): string {
  const { head, tail } = aroundPosition(entry)
  return createHash('sha256').update(`${previousHash}\n${head}${entry.position}${tail}`).digest('hex')
}

/**
 * The entry's canonical JSON before and after the digits of its position, for a database that learns the position
 * last of all and computes the hash itself.
 * @throws StoreFault as auditHash() does
 */
export function aroundPosition(entry: Omit<AuditRow, 'hash' | 'position'>): {
  readonly head: string
  readonly tail: string
} {
  const { workspaceId, atMs, action, targetTable, targetId } = entry
  const { actorCredentialId, actorPrincipalId, requestId, ip, detail } = entry
  const before = { action, actorCredentialId, actorPrincipalId, atMs, detail, ip }
  const after = { requestId, targetId, targetTable, workspaceId }
  for (const text of Object.values({ ...before, ...after })) {
    if (typeof text !== 'string' || (text.isWellFormed() && !text.includes('\0'))) continue
    throw new StoreFault('A member of the audit entry is not well-formed text')
  }
  const head = `${canonicalJson(before).slice(0, -1)},"position":`
  return { head, tail: `,${canonicalJson(after).slice(1)}` }
}

export type ChainCheck =
  | { readonly ok: true; readonly newestHash: string }
  | { readonly ok: false; readonly position: number; readonly problem: string }

/**
 * Checks a stretch of the trail, all workspaces together, oldest first and without a gap.
 * @param previousHash hash of the entry before the first one given
 */
export function verifyAuditChain(rows: Iterable<AuditRow>, previousHash = FIRST_AUDIT_HASH): ChainCheck {
  let newestHash = previousHash
  let expected: number | null = previousHash === FIRST_AUDIT_HASH ? 1 : null
  for (const row of rows) {
    const { position } = row
    if (expected !== null && position !== expected) {
      return { ok: false, position: expected, problem: `The entry at position ${expected} is missing` }
    }
    if (auditHash(newestHash, row) !== row.hash) {
      return {
        ok: false,
        position,
        problem: `The entry at position ${position}, or the one before it, was changed`,
      }
    }
    newestHash = row.hash
    expected = position + 1
  }
  return { ok: true, newestHash }
}

/** JSON with the members of every object in the order of their names, so that equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
