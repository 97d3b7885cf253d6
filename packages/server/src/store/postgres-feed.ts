import { aroundPosition, canonicalJson } from './audit-chain.ts'
import type { Write } from './port.ts'
import type { Statement } from './postgres-connection.ts'
import type { SqlRow } from './tables.ts'
import { touchedBy } from './write-order.ts'

/**
 * The end of a transaction: its writes get the next positions, their changes and their audit entries. Whoever holds
 * the one row of `feed` has the next position and commits before anybody else gets one, so positions become visible
 * in their order. The row is taken last, so that it is held for one statement and the commit.
 */

/** What is written of one write; made before the transaction, so that none of it happens under the lock. */
export type FeedEntry = Readonly<Record<string, string | number | null>>

/** @throws StoreFault for text that would not come back from the database as it went in */
export function feedEntryOf(write: Write): FeedEntry {
  const { audit, workspaceId } = write
  const { head, tail } = aroundPosition({ ...audit, workspaceId })
  return {
    workspace_id: workspaceId,
    at_ms: audit.atMs,
    touched: JSON.stringify(touchedBy(write)),
    action: audit.action,
    target_table: audit.targetTable,
    target_id: audit.targetId,
    actor_credential_id: audit.actorCredentialId,
    actor_principal_id: audit.actorPrincipalId,
    request_id: audit.requestId,
    ip: audit.ip,
    detail: canonicalJson(audit.detail),
    head,
    tail,
  }
}

/** A statement of its own, so that the next one's snapshot is of after the wait. */
const TAKE: Statement = {
  sql: 'SELECT 1 / count(*) FROM (SELECT 1 FROM feed WHERE id = 1 FOR UPDATE) AS head',
  values: [],
  isCommon: true,
}

const AUDITED =
  'workspace_id, at_ms, action, target_table, target_id, actor_credential_id, actor_principal_id, request_id, ip, detail'

/**
 * The hash is auditHash() in SQL: the database alone knows what precedes the entry. The notification is sent by
 * the commit, to all who listen, as JSON: the newest position.
 */
const APPEND = `WITH RECURSIVE entry AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS given (
      n bigint, workspace_id text, at_ms bigint, touched text, action text, target_table text, target_id text,
      actor_credential_id text, actor_principal_id text, request_id text, ip text, detail text, head text, tail text)
  ), chain (n, position, hash) AS (
    SELECT 0::bigint, position, audit_hash COLLATE "C" FROM feed WHERE id = 1
    UNION ALL
    SELECT entry.n, chain.position + 1, encode(sha256(convert_to(
        chain.hash || chr(10) || entry.head || (chain.position + 1)::text || entry.tail, 'UTF8')), 'hex') COLLATE "C"
      FROM chain JOIN entry ON entry.n = chain.n + 1
  ), newest AS (
    SELECT position, hash FROM chain ORDER BY n DESC LIMIT 1
  ), moved AS (
    UPDATE feed SET position = newest.position, audit_hash = newest.hash FROM newest WHERE feed.id = 1
  ), changed AS (
    INSERT INTO changes (position, workspace_id, at_ms, touched)
      SELECT position, workspace_id, at_ms, touched FROM chain JOIN entry USING (n)
  ), audited AS (
    INSERT INTO audit (position, hash, ${AUDITED})
      SELECT position, hash, ${AUDITED} FROM chain JOIN entry USING (n)
  )
  SELECT position, pg_notify($2, json_build_object('committed', position)::text) FROM newest`

/** @param channel see channelOf() */
export function appendToFeed(entries: readonly FeedEntry[], channel: string): Statement[] {
  const numbered = entries.map((entry, i) => ({ n: i + 1, ...entry }))
  return [TAKE, { sql: APPEND, values: [JSON.stringify(numbered), channel], isCommon: true }]
}

/** The positions of the entries, out of what APPEND returned. */
export function positionsOf(rows: readonly SqlRow[], count: number): number[] {
  const newest = Number(rows[0]?.position)
  return Array.from({ length: count }, (_, i) => newest - count + 1 + i)
}
