import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { AppliedLimit, LimitResult, Quota, RateLimit } from '@credence/core'
import { createLog } from '../observe/log.ts'
import { openMemoryStore } from '../store/memory.ts'
import { closedAfter } from '../testing/closed-after.ts'
import { type RedisServer, startRedis } from '../testing/redis-fixture.ts'
import { type Limits, openLimits } from './open-limits.ts'
import { StoreCredits } from './store-credits.ts'

const NODES = 3
const DAILY: Quota = { type: 'quota', name: 'day', limit: 1000, period: 'day' }
const RATE: RateLimit = { type: 'rate', name: 'default', limit: 500, windowSeconds: 1 }

interface Node {
  readonly limits: Limits
  /** What a second's timer does. */
  readonly tend: () => void
  readonly messages: string[]
  readonly take: (applied: AppliedLimit, cost?: number) => Promise<LimitResult>
}

function appliedTo(limit: AppliedLimit['limit'], exact: boolean, id = '1'): AppliedLimit {
  return { key: `api:${id}:${limit.type}:${limit.name}`, owner: 'api', limit, exact }
}

async function openNode(redis: RedisServer, skewMs = 0): Promise<Node> {
  const messages: string[] = []
  const stream = { write: (line: string) => messages.push(String(JSON.parse(line).msg)) }
  const store = openMemoryStore()
  const callbacks: (() => void)[] = []
  const clock = () => Date.now() + skewMs
  const limits = await openLimits({
    config: {
      valkeyUrl: {
        host: '127.0.0.1',
        port: redis.port,
        username: null,
        password: null,
        database: 0,
        tls: false,
      },
      limitCounters: 1000,
      creditBlock: 1,
    },
    credits: new StoreCredits(store),
    installationId: 'ws_1',
    primary: null,
    nodes: () => NODES,
    clock,
    random: Math.random,
    log: createLog({ format: 'json', level: 'info', isTerminal: false, stream }),
    every: (_, callback) => {
      callbacks.push(callback)
      return () => {}
    },
  })
  const close = closedAfter(async () => {
    await limits.close()
    await store.close()
  })
  return {
    limits: { ...limits, close },
    tend: () => {
      for (const callback of callbacks) callback()
    },
    messages,
    take: async (applied, cost = 1) => limits.limiter.take([applied], cost, clock()),
  }
}

async function openNodes(redis: RedisServer, skewsMs = [0, 0, 0]): Promise<Node[]> {
  return Promise.all(skewsMs.map((skewMs) => openNode(redis, skewMs)))
}

/** Each node asks so many times in a row, all of them at once. @returns how many passed */
async function askAll(nodes: readonly Node[], applied: AppliedLimit, times: number): Promise<number> {
  const counts = await Promise.all(
    nodes.map(async ({ take }) => {
      let passed = 0
      for (let time = 0; time < times; time++) if ((await take(applied)).allowed) passed += 1
      return passed
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 10_000
  while (!isSo()) {
    assert.ok(Date.now() < deadlineMs, `it never came that ${what}`)
    await delay(20)
  }
}

test('over three nodes, with clocks that differ, exactly as many pass as an exact limit says', async () => {
  const redis = await startRedis()
  const nodes = await openNodes(redis, [0, -300_000, 300_000])
  const exact = appliedTo({ ...DAILY, limit: 200 }, true)
  assert.equal(await askAll(nodes, exact, 150), 200)
  const small = appliedTo({ ...DAILY, limit: 70 }, false, 'small')
  const results = await Promise.all(
    nodes.flatMap(({ take }) => Array.from({ length: 60 }, () => take(small))),
  )
  assert.equal(results.filter(({ allowed }) => allowed).length, 70)
})

test('over three nodes never more of a leased limit passes than it says and what they may hold', async () => {
  const redis = await startRedis()
  const nodes = await openNodes(redis)
  assert.ok((await askAll(nodes, appliedTo(DAILY, false), 600)) <= DAILY.limit)
  const rate = appliedTo(RATE, false)
  const startMs = performance.now()
  let passed = 0
  for (let round = 0; round < 20; round++) passed += await askAll(nodes, rate, 60)
  const elapsedMs = performance.now() - startMs
  const most = RATE.limit * (1 + elapsedMs / 1000) + NODES * (RATE.limit / 50)
  assert.ok(passed >= RATE.limit && passed <= most, `${passed} of ${most} passed`)
})

test('what a node held is there for others when it has closed, and every counter ends by itself', async () => {
  const redis = await startRedis()
  const [one, other] = await openNodes(redis)
  const applied = appliedTo(DAILY, false)
  await askAll([one!], applied, 400)
  await one!.limits.close()
  assert.equal(await askAll([other!], { ...applied, exact: true }, 700), 600)
  await askAll([other!], appliedTo(RATE, true), 5)
  const keys = (await redis.command('KEYS *')).split('\r\n').filter((line) => line.startsWith('credence'))
  assert.equal(keys.length, 3)
  for (const key of keys) {
    const isMarker = key.endsWith(':replay:memory')
    const leftMs = Number((await redis.command(`PTTL ${key}`)).slice(1))
    assert.ok(
      key.startsWith('credence:{ws_1}:') && (isMarker ? leftMs === -1 : leftMs > 0),
      `${key} ${leftMs}`,
    )
  }
  const rateMs = Number((await redis.command('PTTL credence:{ws_1}:limit:api:1:rate:default')).slice(1))
  assert.ok(rateMs <= 11_010, `${rateMs}`)
})

test('when Valkey is lost each node goes on with its share and says so, and all is well when it is back', async () => {
  const redis = await startRedis()
  const nodes = await openNodes(redis)
  const used = appliedTo({ ...DAILY, limit: 90 }, true, 'used up')
  assert.equal(await askAll(nodes, used, 40), 90)
  assert.equal(await askAll(nodes, used, 1), 0, 'and all know of it')
  await redis.kill()
  // Unknown to all: a third for each. Used up as far as all know: nothing.
  assert.equal(await askAll(nodes, appliedTo({ ...DAILY, limit: 90 }, true, 'new'), 50), 90)
  assert.equal(await askAll(nodes, used, 40), 0)
  const startMs = performance.now()
  await askAll(nodes, appliedTo(RATE, true), 50)
  assert.ok(performance.now() - startMs < 1000, 'nobody waits for what is lost')
  for (const { limits } of nodes) {
    const { countedBy, isDegraded, decidedAlone } = limits.state()
    assert.deepEqual([countedBy, isDegraded, decidedAlone], ['valkey', true, 140])
  }
  await redis.restart()
  // Found by the connection: no timer has run here.
  await until('all count together', () => nodes.every(({ limits }) => !limits.state().isDegraded))
  assert.equal(await askAll(nodes, appliedTo({ ...DAILY, limit: 60 }, true, 'after'), 40), 60)
  for (const { messages } of nodes) {
    const about = messages.filter((message) => message.startsWith('limits are counted'))
    assert.deepEqual(about, ['limits are counted by this process alone', 'limits are counted together again'])
    assert.equal(messages.filter((message) => message === 'Valkey can be reached').length, 2)
  }
})

test('a node whose Valkey hangs waits once, then not again, and finds it by its timer', async () => {
  const redis = await startRedis()
  const node = await openNode(redis)
  const applied = appliedTo({ ...DAILY, limit: 90 }, true)
  await node.take(applied)
  redis.pause()
  try {
    const waiting = await Promise.all(Array.from({ length: 10 }, () => node.take(applied)))
    assert.ok(waiting.every(({ allowed }) => allowed))
    const startMs = performance.now()
    assert.equal(await askAll([node], applied, 40), 19)
    assert.ok(performance.now() - startMs < 400)
  } finally {
    redis.resume()
  }
  await until('it counts together', () => {
    node.tend()
    return !node.limits.state().isDegraded
  })
})

test('a node starts while Valkey is away, counting alone, and finds it when it comes', async () => {
  const redis = await startRedis()
  await redis.kill()
  const node = await openNode(redis)
  assert.equal(await askAll([node], appliedTo({ ...DAILY, limit: 30 }, false), 30), 10)
  await redis.restart()
  await until('it counts together', () => !node.limits.state().isDegraded)
  assert.equal(await askAll([node], appliedTo({ ...DAILY, limit: 30 }, true, '2'), 40), 30)
})

test('a server that may forget what it was told is warned of', async () => {
  const redis = await startRedis(['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'])
  const node = await openNode(redis)
  await until('it warns', () => node.messages.some((message) => /noeviction/.test(message)))
  const safe = await startRedis(['--maxmemory', '100mb', '--maxmemory-policy', 'noeviction'])
  const { messages } = await openNode(safe)
  await until('it is ready', () => messages.includes('Valkey can be reached'))
  assert.ok(!messages.some((message) => /noeviction/.test(message)))
})
