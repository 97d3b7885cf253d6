import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openUsageStore } from './sqlite-usage.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'
import { A_DELTA, type OpenedUsageStore, usageContract, whole } from './testing/usage-contract.ts'
import { openMemoryUsageStore } from './usage-memory.ts'

async function openAt(folder: string): Promise<OpenedUsageStore> {
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
  await before.store.flush([A_DELTA], whole('one'))
  await before.store.saveCounters([['k', 1, 2]])
  await before.store.close()
  const after = await openAt(folder)
  await after.store.flush([A_DELTA], whole('one'))
  assert.equal((await after.store.usageOf(['crd1'])).get('crd1')?.[0]?.count, 3)
  assert.deepEqual(await after.store.loadCounters(), [['k', 1, 2]])
  await after.store.close()
})
