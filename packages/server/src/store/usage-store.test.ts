import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { FIRST, type OpenedUsage, usageContract } from './testing/contract-usage.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'
import { openMemoryUsageStore } from './usage-memory.ts'
import type { UsageDelta } from './usage-port.ts'
import { openUsageStore } from './usage-store.ts'

async function openAt(folder: string): Promise<OpenedUsage> {
  let nowMs = 1_000
  const store = await openUsageStore({ path: join(folder, 'usage.db'), migrate: 'auto', clock: () => nowMs })
  const setClock = (ms: number) => {
    nowMs = ms
  }
  return { store, setClock }
}

usageContract('sqlite', async () => openAt(await temporaryFolder()))
usageContract('memory', async () => {
  let nowMs = 1_000
  const setClock = (ms: number) => {
    nowMs = ms
  }
  return { store: openMemoryUsageStore(() => nowMs), setClock }
})

test('what was flushed is there after the file is opened again', async () => {
  const folder = await temporaryFolder()
  const before = await openAt(folder)
  await before.store.flush([FIRST])
  await before.store.saveCounters([['k', 1, 2]])
  await before.store.close()
  const after = await openAt(folder)
  assert.equal((await after.store.usageOf(['crd1'])).get('crd1')?.[0]?.count, 3)
  assert.deepEqual(await after.store.loadCounters(), [['k', 1, 2]])
  await after.store.close()
})

test('a batch of which one row cannot be kept is not counted at all', async (t) => {
  const { store } = await openAt(await temporaryFolder())
  t.after(() => store.close())
  const impossible = { ...FIRST, credentialId: null } as unknown as UsageDelta
  await assert.rejects(store.flush([FIRST, impossible]), /NOT NULL/)
  assert.equal((await store.usageOf(['crd1'])).size, 0)
})

test('a user agent that text cannot hold is kept as far as it can', async (t) => {
  const { store } = await openAt(await temporaryFolder())
  t.after(() => store.close())
  await store.flush([{ ...FIRST, lastUserAgent: 'a\0b\ud800' }])
  assert.equal((await store.usageOf(['crd1'])).get('crd1')?.[0]?.lastUserAgent, 'a\uFFFDb\uFFFD')
})
