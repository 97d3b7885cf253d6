import type { VerdictCode } from '@credence/core'
import type { SqlRow } from './tables.ts'
import type { UsageRow } from './usage-port.ts'

/** What rows of the table `usage` say, by credential, in the order in which they come. */
export function usageByCredential(rows: readonly SqlRow[]): Map<string, UsageRow[]> {
  const byCredential = new Map<string, UsageRow[]>()
  for (const row of rows) {
    const id = String(row.credential_id)
    const usage = {
      version: Number(row.version),
      code: row.code as VerdictCode,
      count: Number(row.count),
      firstAtMs: Number(row.first_at_ms),
      lastAtMs: Number(row.last_at_ms),
      lastIp: row.last_ip as string | null,
      lastUserAgent: row.last_user_agent as string | null,
    }
    byCredential.set(id, [...(byCredential.get(id) ?? []), usage])
  }
  return byCredential
}

/** A user agent is whatever a caller sends: what text cannot hold is replaced. */
export function keepable(userAgent: string): string {
  return userAgent.toWellFormed().replaceAll('\0', '\uFFFD')
}
