import { StoreFault } from './port.ts'
import {
  COUNTER_LIFE_MS,
  type CounterEntry,
  FLUSH_LIFE_MS,
  partName,
  partsBefore,
  type UsageDelta,
  type UsageRow,
  type UsageStore,
} from './usage-port.ts'
import { keepable } from './usage-rows.ts'

/** A usage store for tests, with the semantics of the other and nothing kept. */
export function openMemoryUsageStore(clock: () => number): UsageStore {
  const usage = new Map<string, Map<string, UsageRow>>()
  const flushes = new Map<string, number>()
  const counters = new Map<string, { readonly entry: CounterEntry; readonly savedAtMs: number }>()
  return {
    async flush(batch, part) {
      for (const [old, atMs] of flushes) if (atMs < clock() - FLUSH_LIFE_MS) flushes.delete(old)
      if (flushes.has(part.id) || flushes.has(partName(part))) return
      if (batch.some(({ credentialId }) => typeof credentialId !== 'string'))
        throw new StoreFault('A row of the batch cannot be kept')
      flushes.set(partName(part), clock())
      for (const name of partsBefore(part)) flushes.delete(name)
      for (const delta of batch) {
        const rows = usage.get(delta.credentialId) ?? new Map<string, UsageRow>()
        usage.set(delta.credentialId, rows)
        const key = `${delta.version}/${delta.code}`
        const { lastUserAgent } = delta
        const kept = { ...delta, lastUserAgent: lastUserAgent === null ? null : keepable(lastUserAgent) }
        rows.set(key, added(rows.get(key), kept))
      }
    },
    async usageOf(credentialIds) {
      const known = credentialIds.filter((id) => usage.has(id))
      return new Map(known.map((id) => [id, [...usage.get(id)!.values()].sort(byVersionAndCode)]))
    },
    async saveCounters(entries) {
      for (const entry of entries) counters.set(entry[0], { entry, savedAtMs: clock() })
    },
    async loadCounters() {
      const kept = [...counters.values()].filter(({ savedAtMs }) => savedAtMs >= clock() - COUNTER_LIFE_MS)
      return kept.map(({ entry }) => entry)
    },
    async close() {},
  }
}

/** What has been counted, with a delta of the same version and verdict. */
export function added(row: UsageRow | undefined, delta: UsageDelta): UsageRow {
  const { version, code, count, firstAtMs, lastAtMs, lastIp, lastUserAgent } = delta
  if (row === undefined) return { version, code, count, firstAtMs, lastAtMs, lastIp, lastUserAgent }
  const last = lastAtMs >= row.lastAtMs ? { lastAtMs, lastIp, lastUserAgent } : {}
  return { ...row, ...last, count: row.count + count, firstAtMs: Math.min(row.firstAtMs, firstAtMs) }
}

function byVersionAndCode(a: UsageRow, b: UsageRow): number {
  return a.version - b.version || (a.code < b.code ? -1 : 1)
}
