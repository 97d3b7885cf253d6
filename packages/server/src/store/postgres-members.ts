import type { SignOfLife } from './port.ts'
import type { Statement } from './postgres-connection.ts'
import type { SqlRow } from './tables.ts'

/** The database's own clock: those of the nodes may differ. */
const NOW_MS = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'
/** Signs that nobody asks for any more. */
const FORGOTTEN_MS = 60 * 60 * 1000

const SIGN = 'member_id, node, worker, version, started_at_ms, lease_ms, position, feed_lag_ms, is_leader'
/** A sign of the release before says nothing of the lease, which was the same for all then: $6 is the asker's own. */
const LEASE = 'coalesce(lease_ms, $6)'

/** Notes one sign, and gives it with the others'. What two processes would forget at once, one of them does. */
const BEAT = `WITH moment AS MATERIALIZED (SELECT ${NOW_MS} AS now_ms),
  mine AS (
    INSERT INTO members (${SIGN}, seen_at_ms) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, now_ms FROM moment
    ON CONFLICT (member_id) DO UPDATE SET node = excluded.node, worker = excluded.worker,
      version = excluded.version, started_at_ms = excluded.started_at_ms, lease_ms = excluded.lease_ms,
      position = excluded.position, feed_lag_ms = excluded.feed_lag_ms, is_leader = excluded.is_leader, seen_at_ms = excluded.seen_at_ms
    RETURNING ${SIGN}
  ), forgotten AS (
    DELETE FROM members WHERE member_id IN (
      SELECT member_id FROM members, moment WHERE seen_at_ms < now_ms - ${FORGOTTEN_MS} FOR UPDATE OF members SKIP LOCKED)
  )
  SELECT ${SIGN} FROM mine
  UNION ALL
  SELECT ${SIGN.replace('lease_ms', LEASE)} FROM members, moment
    WHERE member_id <> $1 AND seen_at_ms >= now_ms - ${LEASE} - $10::bigint`

export function beatStatement(sign: SignOfLife, silenceMs: number): Statement {
  const { memberId, node, worker, version, startedAtMs, leaseMs, position, feedLagMs, isLeader } = sign
  const lag = feedLagMs === null ? null : Math.round(feedLagMs)
  const values = [memberId, node, worker, version, startedAtMs, leaseMs, position, lag, isLeader ? 1 : 0]
  return { sql: BEAT, values: [...values, silenceMs], isCommon: true }
}

export function leaveStatement(memberId: string): Statement {
  return { sql: 'DELETE FROM members WHERE member_id = $1', values: [memberId], isCommon: true }
}

export function toSign(row: SqlRow): SignOfLife {
  return {
    memberId: String(row.member_id),
    node: String(row.node),
    worker: Number(row.worker),
    version: String(row.version),
    startedAtMs: Number(row.started_at_ms),
    leaseMs: Number(row.lease_ms),
    position: Number(row.position),
    feedLagMs: row.feed_lag_ms === null ? null : Number(row.feed_lag_ms),
    isLeader: row.is_leader === 1,
  }
}
