import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import {
  type AppliedLimit,
  type Credits,
  MemoryAuthority,
  MemoryReplayGuard,
  type Quota,
} from '@credence/core'
import { createLog } from '../observe/log.ts'
import { openMemoryStore } from '../store/memory.ts'
import { openMemoryUsageStore } from '../store/usage-memory.ts'
import { type LimitsParts, openLimits } from './open-limits.ts'
import { restoreQuotas, saveQuotas } from './saved-quotas.ts'
import { StoreCredits } from './store-credits.ts'

const NOW = Date.UTC(2026, 5, 16, 12)
const DAILY: Quota = { type: 'quota', name: 'day', limit: 200, period: 'day' }
const PREPAID: Credits = { type: 'credits', name: 'prepaid', limit: 100, refill: null }
const daily: AppliedLimit = { key: 'api:1:quota:day', owner: 'api', limit: DAILY, exact: false }
const prepaid: AppliedLimit = { key: 'api:1:credits:prepaid', owner: 'api', limit: PREPAID, exact: false }
const LOG = createLog({ format: 'off', level: 'fatal', isTerminal: false })

function partsOf(given: Partial<LimitsParts>): LimitsParts {
  return {
    config: { valkeyUrl: null, limitCounters: 1000, creditBlock: 1 },
    credits: new StoreCredits(openMemoryStore()),
    installationId: 'ws_1',
    primary: null,
    nodes: () => 2,
    clock: () => NOW,
    random: Math.random,
    log: LOG,
    every: () => () => {},
    ...given,
  }
}

test('one process alone counts in its memory, and its quotas survive a restart', async () => {
  const usageStore = openMemoryUsageStore(() => NOW)
  const one = await openLimits(partsOf({}))
  assert.deepEqual(one.state(), { countedBy: 'process', isDegraded: false, decidedAlone: 0 })
  assert.ok(!(one.limiter.take([daily], 150, NOW) instanceof Promise))
  await saveQuotas(usageStore, one.quotas!, LOG)
  await one.close()
  const next = await openLimits(partsOf({}))
  await restoreQuotas(usageStore, next.quotas!)
  assert.equal((await next.limiter.take([daily], 51, NOW)).allowed, false)
  assert.equal((await next.limiter.take([daily], 50, NOW)).allowed, true)
})

test('quotas that could not be saved are saved the next time', async () => {
  const usageStore = openMemoryUsageStore(() => NOW)
  const { limiter, quotas } = await openLimits(partsOf({}))
  await limiter.take([daily], 7, NOW)
  await saveQuotas({ saveCounters: () => Promise.reject(new Error('disk full')) }, quotas!, LOG)
  await saveQuotas(usageStore, quotas!, LOG)
  assert.deepEqual(
    (await usageStore.loadCounters()).map(([key, used]) => [key, used]),
    [[daily.key, 7]],
  )
})

test('several processes count together by their primary, which keeps the quotas and what was used once', async () => {
  const primary = {
    authority: new MemoryAuthority({ maxCounters: 1000, clock: () => NOW }),
    replayGuard: new MemoryReplayGuard({ maxRedemptions: 1000, clock: () => NOW }),
  }
  const workers = [await openLimits(partsOf({ primary })), await openLimits(partsOf({ primary }))]
  let passed = 0
  for (let time = 0; time < 150; time++) {
    for (const { limiter } of workers) if ((await limiter.take([daily], 1, NOW)).allowed) passed += 1
  }
  assert.ok(passed <= 200 && passed >= 192, `${passed}`)
  for (const worker of workers) {
    assert.deepEqual([worker.state().countedBy, worker.quotas], ['primary', null])
    assert.equal(worker.replayGuard, primary.replayGuard)
    await worker.close()
  }
  assert.deepEqual(
    [...primary.authority.dirtyQuotas()].map(([, { a }]) => a),
    [passed],
  )
})

test('credits are exact by default; in blocks, what is held goes back at the end', async () => {
  const store = openMemoryStore()
  const left = async () => (await store.spendCredits(prepaid.key, PREPAID, 0, NOW)).remaining
  const exact = await openLimits(partsOf({ credits: new StoreCredits(store) }))
  await exact.limiter.take([prepaid], 1, NOW)
  assert.equal(await left(), 99)
  const config = { valkeyUrl: null, limitCounters: 1000, creditBlock: 10 }
  const inBlocks = await openLimits(partsOf({ config, credits: new StoreCredits(store) }))
  await inBlocks.limiter.take([prepaid], 1, NOW)
  assert.equal(await left(), 89)
  await inBlocks.close()
  assert.equal(await left(), 98)
})

/** Runs a module in a process of its own. @returns what it prints */
async function run(text: string): Promise<string> {
  const here = `const here = (path) => new URL(path, ${JSON.stringify(import.meta.url)}).href\n`
  const loaded = `
    const { createRequire } = await import('node:module')
    const files = Object.keys(createRequire(${JSON.stringify(import.meta.url)}).cache)
    console.log(files.some((file) => file.includes('ioredis')))`
  const args = ['--input-type=module', '-e', here + text + loaded]
  return (await promisify(execFile)(process.execPath, args)).stdout.trim()
}

test("Valkey's client is loaded only where there is a Valkey", async () => {
  assert.equal(await run("await import(here('../index.ts'))"), 'false')
  const connecting = `
    const { ValkeyConnection } = await import(here('./valkey-connection.ts'))
    const address = { host: '127.0.0.1', port: 1, username: null, password: null, database: 0, tls: false }
    await ValkeyConnection.create({ address, random: Math.random, onReady() {}, onDown() {} })`
  assert.equal(await run(connecting), 'true', 'and that is seen')
})
