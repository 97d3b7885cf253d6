import assert from 'node:assert/strict'
import { test } from 'node:test'
import { A_DELTA, nextFlush, usageContract } from '../store/testing/usage-contract.ts'
import { openMemoryUsageStore } from '../store/usage-memory.ts'
import type { UsageStore } from '../store/usage-port.ts'
import { line } from './testing/line.ts'
import { serveUsage, usageStoreOver } from './usage-service.ts'

usageContract('a worker', async () => {
  let nowMs = 1_000
  const kept = openMemoryUsageStore(() => nowMs)
  const { primary, worker, cut } = line()
  serveUsage(primary, kept)
  const store = usageStoreOver(worker)
  return {
    store: { ...store, close: async () => cut() },
    setClock(ms) {
      nowMs = ms
    },
  }
})

test('a worker that closes its usage store leaves it to the others', async (t) => {
  const kept = openMemoryUsageStore(() => 1_000)
  let isClosed = false
  const watched: UsageStore = {
    ...kept,
    async close() {
      isClosed = true
    },
  }
  const [one, other] = [line(), line()]
  for (const { primary, cut } of [one, other]) {
    serveUsage(primary, watched)
    t.after(cut)
  }
  const [first, second] = [usageStoreOver(one.worker), usageStoreOver(other.worker)]
  await first.flush([A_DELTA], nextFlush())
  await first.close()
  await second.flush([A_DELTA], nextFlush())
  assert.equal(isClosed, false)
  assert.equal((await second.usageOf([A_DELTA.credentialId])).get(A_DELTA.credentialId)?.[0]?.count, 6)
})
