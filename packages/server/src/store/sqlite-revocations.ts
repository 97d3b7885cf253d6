import type { MarkMade, Revocation } from './revocation-journal.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import type { SqlRow } from './tables.ts'

/** What the database knows of revocations, for its journal. Called inside a transaction, so all of one moment. */

/** The action of the audit entry that a restore writes, at the first position after the backup's. */
export const RESTORE_ACTION = 'store.restore'

/** Whether the changes after a position are all still kept. */
export function keepsChangesSince(connection: SqliteConnection, position: number, head: number): boolean {
  const first = connection.get('SELECT min(position) AS first FROM changes')?.first ?? null
  return head <= position || (first !== null && Number(first) <= position + 1)
}

/**
 * Of the credentials touched after a position: those that are gone, that are revoked, and their revoked versions,
 * also such as a rotation has dropped since. What was revoked before and is touched again may come again.
 */
export function revocationsSince(connection: SqliteConnection, position: number): Revocation[] {
  const rows = connection.all(
    `SELECT c.position, c.at_ms, t.value ->> 'id' AS id, ${STATE}
      FROM changes c JOIN json_each(c.touched) t LEFT JOIN credential r ON r.id = t.value ->> 'id'
      WHERE c.position > ? AND t.value ->> 'table' = 'credential'
        AND (r.id IS NULL OR r.state = 'revoked' OR ${HAS_REVOKED_VERSION})`,
    position,
  )
  return distinct([...rows.flatMap(ofCredential), ...versionsInTrail(connection, position)])
}

/** Everything: for a journal that begins with a database that has gone on without one. */
export function allRevocations(connection: SqliteConnection): Revocation[] {
  const rows = connection.all(
    `SELECT 0 AS position, r.updated_at_ms AS at_ms, r.id, ${STATE} FROM credential r
      WHERE r.state = 'revoked' OR ${HAS_REVOKED_VERSION}`,
  )
  // The trail names every credential that ever was: at its issue, or with the workspace whose admin key it is.
  const gone = connection.all(
    `SELECT max(position) AS position, max(at_ms) AS at_ms, id FROM (
        SELECT position, at_ms, target_id AS id FROM audit WHERE target_table = 'credential'
        UNION ALL
        SELECT position, at_ms, detail ->> 'admin_credential' FROM audit WHERE action = 'workspace.create'
      ) WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM credential) GROUP BY id`,
  )
  const deleted = gone.map((row): Revocation => ({ do: 'delete', ...placeOf(row) }))
  return distinct([...rows.flatMap(ofCredential), ...deleted, ...versionsInTrail(connection, 0)])
}

const STATE = `r.id IS NULL AS is_gone, r.state, r.state_reason, r.state_changed_at_ms,
  (SELECT json_group_array(json_array(v.version, v.revoked_at_ms)) FROM secret_versions v
    WHERE v.credential_id = r.id AND v.revoked_at_ms IS NOT NULL) AS revoked_versions`
const HAS_REVOKED_VERSION = `EXISTS
  (SELECT 1 FROM secret_versions v WHERE v.credential_id = r.id AND v.revoked_at_ms IS NOT NULL)`

function ofCredential(row: SqlRow): Revocation[] {
  const place = placeOf(row)
  if (row.is_gone === 1) return [{ do: 'delete', ...place }]
  const versions = JSON.parse(String(row.revoked_versions)) as [number, number][]
  const revocations = versions.map(
    ([version, atMs]): Revocation => ({ do: 'revoke_version', ...place, atMs, version }),
  )
  if (row.state !== 'revoked') return revocations
  const atMs = Number(row.state_changed_at_ms ?? row.at_ms)
  const reason = row.state_reason === null ? null : String(row.state_reason)
  return [...revocations, { do: 'revoke', ...place, atMs, reason }]
}

function versionsInTrail(connection: SqliteConnection, position: number): Revocation[] {
  const rows = connection.all(
    `SELECT position, at_ms, target_id AS id, detail ->> 'version' AS version FROM audit
      WHERE position > ? AND action = 'credential.revoke_version'`,
    position,
  )
  return rows.map((row) => ({ do: 'revoke_version', ...placeOf(row), version: Number(row.version) }))
}

function placeOf(row: SqlRow): { position: number; atMs: number; credentialId: string } {
  return { position: Number(row.position), atMs: Number(row.at_ms), credentialId: String(row.id) }
}

function distinct(revocations: readonly Revocation[]): Revocation[] {
  const byWhat = new Map<string, Revocation>()
  for (const revocation of revocations) {
    const version = revocation.do === 'revoke_version' ? revocation.version : ''
    const key = `${revocation.do}/${revocation.credentialId}/${version}`
    if (!byWhat.has(key)) byWhat.set(key, revocation)
  }
  return [...byWhat.values()]
}

/** The newest entry of the trail, as a mark shows it. */
export function headOf(connection: SqliteConnection): { readonly position: number; readonly trail: string } {
  const row = connection.get('SELECT position, audit_hash FROM feed WHERE id = 1')
  if (row === undefined) throw new Error('The table feed is empty')
  return { position: Number(row.position), trail: String(row.audit_hash) }
}

/** The hash of the audit entry at a position; undefined: there is none. */
export function trailAt(connection: SqliteConnection, position: number): string | undefined {
  const row = connection.get('SELECT hash FROM audit WHERE position = ?', position)
  return row && String(row.hash)
}

/** Position of the newest restore in the trail; 0: there was none. */
export function newestRestore(connection: SqliteConnection): number {
  const row = connection.get('SELECT max(position) AS position FROM audit WHERE action = ?', RESTORE_ACTION)
  return Number(row?.position ?? 0)
}

/**
 * The marks with which a journal begins that is made anew out of its database: the first entry of the trail, which no
 * other installation has, the restores in between, and the newest entry.
 */
export function marksOfHistory(connection: SqliteConnection, nowMs: number): MarkMade[] {
  const marks: MarkMade[] = []
  const complete = (position: number) => {
    const trail = trailAt(connection, position)
    if (trail === undefined || position <= (marks.at(-1)?.position ?? 0)) return
    marks.push({ do: 'complete', position, trail, atMs: nowMs, isKnown: true })
  }
  complete(1)
  const restores = connection.all(
    `SELECT position, hash, detail ->> 'revocations_known' AS known FROM audit
      WHERE action = ? AND position > 1 ORDER BY position`,
    RESTORE_ACTION,
  )
  for (const row of restores) {
    const position = Number(row.position)
    const isKnown = row.known === 1
    if (isKnown) complete(position - 1)
    marks.push({ do: 'restored', position, trail: String(row.hash), atMs: nowMs, isKnown })
  }
  complete(headOf(connection).position)
  return marks
}
