/** The thread that keeps usage: the only place where usage.db is written and read. */
import { workerData } from 'node:worker_threads'
import { SqliteConnection } from './sqlite-connection.ts'
import { outcomeOf, serveThread } from './thread-service.ts'
import {
  type CounterEntry,
  FLUSH_LIFE_MS,
  type FlushPart,
  partName,
  partsBefore,
  type UsageDelta,
  type UsageRow,
} from './usage-port.ts'
import { keepable, usageByCredential } from './usage-rows.ts'

export type UsageRequest =
  | {
      readonly type: 'flush'
      readonly batch: readonly UsageDelta[]
      readonly part: FlushPart
      readonly nowMs: number
    }
  | { readonly type: 'usageOf'; readonly credentialIds: readonly string[] }
  | { readonly type: 'saveCounters'; readonly entries: readonly CounterEntry[]; readonly nowMs: number }
  | { readonly type: 'loadCounters'; readonly sinceMs: number }

const connection = new SqliteConnection({ path: String(workerData), synchronous: 'NORMAL', readOnly: false })
serveThread(
  (requests) => (requests as readonly UsageRequest[]).map((request) => outcomeOf(() => carryOut(request))),
  () => connection.close(),
)

function carryOut(request: UsageRequest): unknown {
  switch (request.type) {
    case 'flush':
      return together(() => {
        if (isNew(request.part, request.nowMs)) request.batch.forEach(add)
      })
    case 'usageOf':
      return usageOf(request.credentialIds)
    case 'saveCounters':
      return together(() => {
        for (const [key, a, b] of request.entries) saveCounter(key, a, b, request.nowMs)
      })
    case 'loadCounters':
      connection.run('DELETE FROM counters WHERE saved_at_ms < ?', request.sinceMs)
      return connection.all('SELECT key, a, b FROM counters').map(({ key, a, b }) => [key, a, b])
  }
}

function together(write: () => void): void {
  connection.run('BEGIN IMMEDIATE')
  try {
    write()
    connection.run('COMMIT')
  } catch (error) {
    if (connection.db.isTransaction) connection.run('ROLLBACK')
    throw error
  }
}

/** Whether this part of a flush was not counted yet; from now on it was. */
function isNew(part: FlushPart, nowMs: number): boolean {
  if (part.isLast) connection.run('DELETE FROM flushes WHERE at_ms < ?', nowMs - FLUSH_LIFE_MS)
  if (connection.get('SELECT 1 FROM flushes WHERE id = ?', part.id) !== undefined) return false
  const insert = 'INSERT OR IGNORE INTO flushes (id, at_ms) VALUES (?, ?)'
  if (connection.run(insert, partName(part), nowMs) === 0) return false
  const before = partsBefore(part)
  if (before.length > 0) {
    connection.run('DELETE FROM flushes WHERE id IN (SELECT value FROM json_each(?))', JSON.stringify(before))
  }
  return true
}

function add(delta: UsageDelta): void {
  const { credentialId, version, code, workspaceId, count, firstAtMs, lastAtMs, lastIp, lastUserAgent } =
    delta
  connection.run(
    `INSERT INTO usage (credential_id, version, code, workspace_id, count, first_at_ms, last_at_ms, last_ip,
      last_user_agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (credential_id, version, code) DO UPDATE SET
      count = usage.count + excluded.count,
      first_at_ms = min(usage.first_at_ms, excluded.first_at_ms),
      last_ip = CASE WHEN excluded.last_at_ms >= usage.last_at_ms THEN excluded.last_ip ELSE usage.last_ip END,
      last_user_agent = CASE WHEN excluded.last_at_ms >= usage.last_at_ms
        THEN excluded.last_user_agent ELSE usage.last_user_agent END,
      last_at_ms = max(usage.last_at_ms, excluded.last_at_ms)`,
    ...[credentialId, version, code, workspaceId, count, firstAtMs, lastAtMs],
    ...[lastIp, lastUserAgent === null ? null : keepable(lastUserAgent)],
  )
}

function usageOf(credentialIds: readonly string[]): Map<string, UsageRow[]> {
  const rows = connection.all(
    `SELECT * FROM usage WHERE credential_id IN (SELECT value FROM json_each(?))
    ORDER BY credential_id, version, code`,
    JSON.stringify(credentialIds),
  )
  return usageByCredential(rows)
}

function saveCounter(key: string, a: number, b: number, nowMs: number): void {
  connection.run(
    `INSERT INTO counters (key, a, b, saved_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE
    SET a = excluded.a, b = excluded.b, saved_at_ms = excluded.saved_at_ms`,
    ...[key, a, b, nowMs],
  )
}
