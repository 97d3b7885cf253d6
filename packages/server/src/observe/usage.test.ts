import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decision, VerdictCode } from '@credence/core'
import { aCredential, aDecision } from '@credence/core/testing/records'
import { openMemoryUsageStore } from '../store/usage-memory.ts'
import type { FlushPart, UsageDelta } from '../store/usage-port.ts'
import { type UsageOptions, UsageRecorder } from './usage.ts'

const ID = aCredential().id

function decision(code: VerdictCode = 'VALID', version = 1, id = ID): Decision {
  return aDecision({ code, credential: aCredential({ id }), version })
}

const unproven: Decision = { ...decision('BAD_SECRET'), credential: null, version: null }

function facts(atMs: number, userAgent?: string) {
  return { atMs, ip: '192.0.2.7', headers: userAgent === undefined ? [] : ['User-Agent', userAgent] }
}

/** A store that keeps batches and answers when it is told to. */
function scripted() {
  const batches: UsageDelta[][] = []
  const ids: string[] = []
  let gate: Promise<void> = Promise.resolve()
  return {
    batches,
    ids,
    hold() {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      gate = promise
      return { release: resolve, fail: () => reject(new Error('disk full')) }
    },
    open() {
      gate = Promise.resolve()
    },
    store: {
      ...openMemoryUsageStore(() => 0),
      async flush(batch: readonly UsageDelta[], part: FlushPart) {
        ids.push(part.id)
        batches.push(batch.map((delta) => ({ ...delta })))
        await gate
      },
    },
  }
}

function recorder(change: Partial<UsageOptions> = {}) {
  const timer = { tick: () => {}, everyMs: 0, stopped: false }
  const script = scripted()
  const failures: unknown[] = []
  let flushIds = 0
  const usage = new UsageRecorder({
    store: script.store,
    flushEveryMs: 1000,
    maxEntries: 100,
    every: (ms, callback) => {
      timer.tick = callback
      timer.everyMs = ms
      return () => {
        timer.stopped = true
      }
    },
    onFlushFailed: (error) => failures.push(error),
    newFlushId: () => `flush-${++flushIds}`,
    ...change,
  })
  return { usage, timer, script, failures }
}

function countsOf(deltas: readonly UsageDelta[]): Record<string, number> {
  return Object.fromEntries(deltas.map(({ version, code, count }) => [`${version} ${code}`, count]))
}

test('uses are summed by credential, version and code, and written in one batch', async () => {
  const { usage, script } = recorder()
  for (const atMs of [5, 7, 9]) usage.record(decision(), facts(atMs, 'curl/8.5'))
  usage.record(decision('RATE_LIMITED'), facts(10))
  usage.record(decision('VALID', 2), facts(11))
  usage.record(decision('VALID', 1, 'BBBBBBBBBBBB'), facts(12))
  assert.ok(await usage.flush())
  assert.equal(script.batches.length, 1)
  const [batch] = script.batches
  assert.deepEqual(countsOf(batch!.filter(({ credentialId }) => credentialId === ID)), {
    '1 VALID': 3,
    '1 RATE_LIMITED': 1,
    '2 VALID': 1,
  })
  assert.deepEqual(batch![0], {
    workspaceId: 'ws_000000000001',
    credentialId: ID,
    version: 1,
    code: 'VALID',
    count: 3,
    firstAtMs: 5,
    lastAtMs: 9,
    lastIp: '192.0.2.7',
    lastUserAgent: 'curl/8.5',
  })
})

test('a credential whose secret was not proven leaves no trace', async () => {
  const { usage, script } = recorder()
  usage.record(unproven, facts(1))
  assert.deepEqual(usage.peek(ID), [])
  await usage.close()
  assert.deepEqual(script.batches, [])
  assert.deepEqual(usage.stats, { pending: 0, dropped: 0 })
})

test('a flush is started by the timer and leaves nothing to write twice', async () => {
  const { usage, timer, script } = recorder()
  assert.equal(timer.everyMs, 1000)
  usage.record(decision(), facts(1))
  timer.tick()
  await usage.flush()
  await usage.flush()
  assert.equal(script.batches.length, 1)
})

test('what is recorded during a flush is in the next one, and peek sees both until they are written', async () => {
  const { usage, script } = recorder()
  const gate = script.hold()
  usage.record(decision(), facts(1))
  const first = usage.flush()
  usage.record(decision(), facts(2))
  assert.deepEqual(countsOf(usage.peek(ID)), { '1 VALID': 2 })
  assert.equal(usage.stats.pending, 2)
  gate.release()
  await first
  assert.deepEqual(countsOf(usage.peek(ID)), { '1 VALID': 1 })
  await usage.flush()
  assert.deepEqual(usage.peek(ID), [])
  assert.deepEqual(
    script.batches.map(([delta]) => delta?.count),
    [1, 1],
  )
})

test('what peek answers is a copy: changing it changes no count', () => {
  const { usage } = recorder()
  usage.record(decision(), facts(1))
  Object.assign(usage.peek(ID)[0]!, { count: 99 })
  assert.equal(usage.peek(ID)[0]?.count, 1)
})

test('ticks during a slow flush do not queue up behind it', async () => {
  const { usage, timer, script } = recorder()
  const gate = script.hold()
  usage.record(decision(), facts(1))
  timer.tick()
  usage.record(decision(), facts(2))
  for (let n = 0; n < 5; n++) timer.tick()
  gate.release()
  // Everything that was queued up would run now.
  await new Promise(setImmediate)
  assert.equal(script.batches.length, 1)
  timer.tick()
  assert.equal(script.batches.length, 2)
})

test('a flush during another waits for it, and both are whole', async () => {
  const { usage, script } = recorder()
  const gate = script.hold()
  usage.record(decision(), facts(1))
  const first = usage.flush()
  usage.record(decision(), facts(2))
  const second = usage.flush()
  assert.equal(script.batches.length, 1)
  assert.deepEqual(countsOf(usage.peek(ID)), { '1 VALID': 2 })
  gate.release()
  assert.deepEqual(await Promise.all([first, second]), [true, true])
  assert.deepEqual(
    script.batches.map(([delta]) => delta?.count),
    [1, 1],
  )
})

test('a flush that failed is repeated as it was, under its id, before what was recorded since', async () => {
  const { usage, script, failures } = recorder()
  const gate = script.hold()
  usage.record(decision(), facts(1, 'one'))
  const failing = usage.flush()
  usage.record(decision(), facts(2, 'two'))
  usage.record(decision('EXPIRED'), facts(3))
  gate.fail()
  assert.equal(await failing, false)
  assert.equal(failures.length, 1)
  assert.deepEqual(usage.stats, { pending: 3, dropped: 0 })
  assert.deepEqual(countsOf(usage.peek(ID)), { '1 VALID': 2, '1 EXPIRED': 1 })
  script.open()
  assert.ok(await usage.flush())
  assert.deepEqual(script.ids, ['flush-1', 'flush-1', 'flush-2'])
  assert.deepEqual(script.batches.map(countsOf), [
    { '1 VALID': 1 },
    { '1 VALID': 1 },
    { '1 VALID': 1, '1 EXPIRED': 1 },
  ])
  assert.deepEqual(usage.stats, { pending: 0, dropped: 0 })
})

test('a batch that the store will not take in an hour is given up and counted, and does not hold up the rest', async () => {
  const refused: string[] = []
  const store = {
    ...openMemoryUsageStore(() => 0),
    async flush(_batch: readonly UsageDelta[], { id }: FlushPart) {
      if (id !== 'flush-1') return
      refused.push(id)
      throw new Error('never')
    },
  }
  const { usage } = recorder({ store })
  for (const atMs of [1, 2, 3]) usage.record(decision(), facts(atMs))
  for (let n = 0; n < 3600; n++) assert.equal(await usage.flush(), false)
  usage.record(decision(), facts(4))
  assert.ok(await usage.flush())
  assert.equal(refused.length, 3600)
  assert.deepEqual(usage.stats, { pending: 0, dropped: 3 })
})

test('beyond its bound the recorder drops and counts, and goes on counting what it knows', () => {
  const { usage } = recorder({ maxEntries: 2 })
  usage.record(decision('VALID', 1), facts(1))
  usage.record(decision('VALID', 2), facts(1))
  usage.record(decision('VALID', 3), facts(1))
  usage.record(decision('VALID', 1), facts(2))
  assert.deepEqual(usage.stats, { pending: 2, dropped: 1 })
  assert.deepEqual(countsOf(usage.peek(ID)), { '1 VALID': 2, '2 VALID': 1 })
})

test('what is being written counts towards the bound', async () => {
  const { usage, script } = recorder({ maxEntries: 1 })
  const gate = script.hold()
  usage.record(decision(), facts(1))
  const flush = usage.flush()
  usage.record(decision('VALID', 2), facts(2))
  assert.deepEqual(usage.stats, { pending: 1, dropped: 1 })
  gate.release()
  await flush
})

test('close waits for the flush under way, writes the rest and stops the timer', async () => {
  const { usage, timer, script } = recorder()
  const gate = script.hold()
  usage.record(decision(), facts(1))
  const flush = usage.flush()
  usage.record(decision('EXPIRED'), facts(2))
  const closing = usage.close()
  assert.ok(timer.stopped)
  gate.release()
  assert.deepEqual(await Promise.all([flush, closing]), [true, true])
  assert.deepEqual(
    script.batches.map((batch) => countsOf(batch)),
    [{ '1 VALID': 1 }, { '1 EXPIRED': 1 }],
  )
})

test('a user agent is cut, and carries neither controls nor secrets', () => {
  const { usage } = recorder()
  const secret = 'Zb3'.repeat(12)
  usage.record(decision(), facts(1, `a\u001b[2Jb\u202e crd_live_5Hd8kQ2mZx1a${secret} ${'x'.repeat(20_000)}`))
  const { lastUserAgent } = usage.peek(ID)[0]!
  assert.equal(lastUserAgent?.length, 128)
  assert.match(lastUserAgent ?? '', /^a\[2Jb crd_live_5Hd8kQ2mZx1a\[redacted\] x+$/)
})

test('of thousands of uses at once each is counted, the last one seen is the latest, and room is made for no more than may be', () => {
  const { usage } = recorder({ maxEntries: 2 })
  for (let n = 0; n < 3000; n++) {
    usage.record(decision(['VALID', 'EXPIRED', 'REVOKED'][n % 3] as VerdictCode), facts(n, `agent ${n}`))
  }
  assert.deepEqual(countsOf(usage.peek(ID)), { '1 VALID': 1000, '1 EXPIRED': 1000 })
  assert.deepEqual(usage.stats, { pending: 2, dropped: 1000 })
  assert.equal(usage.peek(ID)[0]!.lastUserAgent, 'agent 2997')
})

test('a clock that was set back moves no last use back', () => {
  const { usage } = recorder()
  usage.record(decision(), facts(100, 'new'))
  usage.record(decision(), facts(50, 'old'))
  const { count, lastAtMs, lastUserAgent } = usage.peek(ID)[0]!
  assert.deepEqual([count, lastAtMs, lastUserAgent], [2, 100, 'new'])
})

test('together with a store, everything recorded is read back exactly once', async () => {
  const store = openMemoryUsageStore(() => 0)
  const { usage } = recorder({ store })
  for (let n = 0; n < 10; n++) {
    usage.record(decision(), facts(n))
    if (n % 3 === 0) await usage.flush()
  }
  const written = (await store.usageOf([ID])).get(ID) ?? []
  const total = [...written, ...usage.peek(ID)].reduce((sum, { count }) => sum + count, 0)
  assert.equal(total, 10)
})

test('uses are one sum, whether the caller has a seat or not, also where seats are shared', async () => {
  const { usage, script } = recorder()
  for (const atMs of [4, 6]) usage.record({ ...decision(), seat: 1 }, facts(atMs, 'seated'))
  usage.record(decision(), facts(2, 'not seated'))
  usage.record({ ...decision('VALID', 2), seat: 101 }, facts(5))
  usage.record({ ...decision('RATE_LIMITED'), seat: 1 }, facts(7))
  const valid = () => usage.peek(ID).find(({ version, code }) => version === 1 && code === 'VALID')
  assert.equal(valid()?.count, 3)
  usage.record({ ...decision(), seat: 1 }, facts(8, 'seated'))
  const { count, firstAtMs, lastAtMs, lastUserAgent } = valid()!
  assert.deepEqual([count, firstAtMs, lastAtMs, lastUserAgent], [4, 2, 8, 'seated'])
  const peeked = usage.peek(ID)
  assert.deepEqual(countsOf(peeked), { '1 VALID': 4, '2 VALID': 1, '1 RATE_LIMITED': 1 })
  assert.ok(await usage.flush())
  const kept = openMemoryUsageStore(() => 0)
  await kept.flush(script.batches.flat(), { id: 'all', number: 0, isLast: true })
  const rows = (await kept.usageOf([ID])).get(ID)!
  assert.deepEqual(
    rows.map(({ version, code, count }) => [version, code, count]),
    [
      [1, 'RATE_LIMITED', 1],
      [1, 'VALID', 4],
      [2, 'VALID', 1],
    ],
  )
  assert.deepEqual(usage.peek(ID), [])
})

/** 450 callers, of which every third has no seat. */
function manyUses(usage: UsageRecorder, atMs: number): void {
  for (let n = 0; n < 450; n++) {
    usage.record({ ...decision('VALID', 1, `caller ${n}`), seat: n % 3 === 0 ? null : n + 1 }, facts(atMs))
  }
}

test('many uses are written in parts of one flush, none of them large, and peek knows each until it is written', async () => {
  const kept = openMemoryUsageStore(() => 0)
  const parts: FlushPart[] = []
  const sizes: number[] = []
  const store = {
    ...kept,
    async flush(batch: readonly UsageDelta[], part: FlushPart) {
      parts.push(part)
      sizes.push(batch.length)
      // Each caller is used again while the rest of the flush waits: once in all by now, and once anew.
      if (parts.length === 2) manyUses(usage, 2)
      assert.equal(await usesOf('caller 449'), parts.length < 2 ? 1 : 2)
      assert.equal(await usesOf('caller 3'), parts.length < 2 ? 1 : 2)
      await kept.flush(batch, part)
    },
  }
  const { usage } = recorder({ store, maxEntries: 1000 })
  const usesOf = async (id: string) => {
    const written = (await kept.usageOf([id])).get(id) ?? []
    return [...written, ...usage.peek(id)].reduce((sum, { count }) => sum + count, 0)
  }
  manyUses(usage, 1)
  assert.deepEqual(usage.stats, { pending: 450, dropped: 0 })
  assert.ok(await usage.flush())
  assert.deepEqual(sizes, [200, 200, 50])
  assert.deepEqual(
    parts,
    [0, 1, 2].map((number) => ({ id: 'flush-1', number, isLast: number === 2 })),
  )
  assert.deepEqual(usage.stats, { pending: 450, dropped: 0 })
  assert.ok(await usage.flush())
  assert.deepEqual(usage.stats, { pending: 0, dropped: 0 })
  for (let n = 0; n < 450; n++) assert.equal(await usesOf(`caller ${n}`), 2)
})

test('what a flush could not write any more comes before what was counted since', async () => {
  const kept = openMemoryUsageStore(() => 0)
  let isAway = false
  const names: string[] = []
  const store = {
    ...kept,
    async flush(batch: readonly UsageDelta[], part: FlushPart) {
      names.push(`${part.id}/${part.number}`)
      if (isAway) throw new Error('away')
      isAway = part.number === 0 && part.id === 'flush-1'
      await kept.flush(batch, part)
    },
  }
  const { usage } = recorder({ store, maxEntries: 1000 })
  manyUses(usage, 1)
  assert.equal(await usage.flush(), false)
  manyUses(usage, 2)
  assert.equal(await usage.flush(), false)
  isAway = false
  assert.ok(await usage.flush())
  assert.deepEqual(names.slice(0, 4), ['flush-1/0', 'flush-1/1', 'flush-1/1', 'flush-1/1'])
  assert.deepEqual(names.slice(4), ['flush-2/0', 'flush-3/0', 'flush-3/1', 'flush-3/2'])
  const all = await kept.usageOf(Array.from({ length: 450 }, (_, n) => `caller ${n}`))
  assert.ok([...all.values()].every(([row]) => row?.count === 2))
  assert.equal(all.size, 450)
})

test('behind a store that refuses one part in ten nobody waits for ever, and what waits does not grow', async () => {
  const kept = openMemoryUsageStore(() => 0)
  let writes = 0
  const store = {
    ...kept,
    async flush(batch: readonly UsageDelta[], part: FlushPart) {
      writes += 1
      if (writes % 10 === 0) throw new Error('not this one')
      await kept.flush(batch, part)
    },
  }
  const { usage } = recorder({ store, maxEntries: 10_000 })
  const callers = Array.from({ length: 4000 }, (_, n) => `${String.fromCharCode(65 + (n % 26))}${n}`)
  const refused = Array.from({ length: 100 }, (_, n) => `refused ${n}`)
  let most = 0
  for (let tick = 0; tick < 40; tick++) {
    for (const [n, id] of callers.entries()) {
      usage.record({ ...decision('VALID', 1, id), seat: n + 1 }, facts(tick))
    }
    for (const id of refused) usage.record(decision('EXPIRED', 1, id), facts(tick))
    await usage.flush()
    most = Math.max(most, usage.stats.pending)
  }
  const lastUses = [...(await kept.usageOf([...callers, ...refused])).values()].map(([row]) => row!.lastAtMs)
  assert.equal(lastUses.length, 4100)
  assert.ok(Math.min(...lastUses) >= 30, `somebody was written last after tick ${Math.min(...lastUses)}`)
  assert.ok(most < 10_000)
  assert.equal(usage.stats.dropped, 0)
})

test('close goes on after a part that was refused, and gives up where none is taken', async () => {
  const kept = openMemoryUsageStore(() => 0)
  let refusals = 2
  let tries = 0
  const store = {
    ...kept,
    async flush(batch: readonly UsageDelta[], part: FlushPart) {
      tries += 1
      if (part.number === 1 && refusals-- > 0) throw new Error('not this one')
      await kept.flush(batch, part)
    },
  }
  const { usage } = recorder({ store, maxEntries: 1000 })
  manyUses(usage, 1)
  assert.equal(await usage.close(), false, 'twice the same one: it may be that none is taken any more')
  assert.ok(await usage.close())
  const { usage: other } = recorder({ store, maxEntries: 1000 })
  refusals = 1
  manyUses(other, 2)
  assert.ok(await other.close())
  assert.equal(other.stats.pending, 0)
  refusals = Number.POSITIVE_INFINITY
  const { usage: hopeless } = recorder({ store, maxEntries: 1000 })
  manyUses(hopeless, 3)
  tries = 0
  assert.equal(await hopeless.close(), false)
  assert.equal(tries, 3)
})
