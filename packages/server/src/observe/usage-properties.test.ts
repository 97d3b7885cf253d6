import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VerdictCode } from '@credence/core'
import { aCredential, aDecision } from '@credence/core/testing/records'
import { checkAsyncProperty, refutesAsync } from '@credence/core/testing/rounds'
import fc from 'fast-check'
import { openMemoryUsageStore } from '../store/usage-memory.ts'
import type { FlushPart, UsageDelta, UsageStore } from '../store/usage-port.ts'
import { UsageRecorder } from './usage.ts'

const CALLERS = 300
const MAX_ENTRIES = 500

/** What becomes of one write: it is taken; it is not; or it is taken, and the answer is lost. */
type Fate = 'taken' | 'refused' | 'lost'

type Step =
  | { readonly type: 'uses'; readonly callers: readonly number[]; readonly hasSeat: boolean }
  | { readonly type: 'flush' }
  | { readonly type: 'pass'; readonly turns: number }
  | { readonly type: 'look' }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant('uses' as const),
        callers: fc.array(fc.nat(CALLERS - 1), { minLength: 1, maxLength: 250 }),
        hasSeat: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('flush' as const) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('pass' as const), turns: fc.nat(12) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('look' as const) }) },
  ),
  { size: 'max', maxLength: 60 },
)
const fates = fc.infiniteStream(fc.constantFrom<Fate>('taken', 'taken', 'taken', 'taken', 'refused', 'lost'))

function idOf(caller: number): string {
  return `${String.fromCharCode(65 + (caller % 26), 65 + ((caller * 7) % 26))}${caller}`
}

/** @param open the store beneath one whose answers get lost */
function countsEachOnce(open: () => UsageStore) {
  return fc.asyncProperty(steps, fates, async (all, fate) => {
    const kept = open()
    const store: UsageStore = {
      ...kept,
      async flush(batch: readonly UsageDelta[], part: FlushPart) {
        const what: Fate = fate.next().value
        if (what === 'refused') throw new Error('not taken')
        await kept.flush(batch, part)
        if (what === 'lost') throw new Error('taken, and nobody hears of it')
      },
    }
    let flushes = 0
    const usage = new UsageRecorder({
      ...{ store, flushEveryMs: 1, maxEntries: MAX_ENTRIES, every: () => () => {}, onFlushFailed: () => {} },
      newFlushId: () => `f${++flushes}`,
    })
    const truth = new Map<string, number>()
    const writing: Promise<boolean>[] = []
    for (const step of all) {
      switch (step.type) {
        case 'uses':
          for (const caller of step.callers) use(usage, truth, caller, step.hasSeat)
          break
        case 'flush':
          writing.push(usage.flush())
          break
        case 'pass':
          for (let turn = 0; turn < step.turns; turn++) await Promise.resolve()
          break
        case 'look':
          usage.peek(idOf(7))
      }
    }
    await Promise.all(writing)
    for (let tries = 0; !(await usage.close()); tries++) assert.ok(tries < 1000, 'it comes to its end')
    const ids = Array.from({ length: CALLERS }, (_, caller) => idOf(caller))
    const counted = [...(await kept.usageOf(ids))].flatMap(([id, rows]) =>
      rows.map(({ version, code, count }) => [`${id} ${version} ${code}`, count] as const),
    )
    assert.deepEqual(new Map(counted.toSorted()), new Map([...truth].toSorted()))
    assert.equal(usage.stats.pending, 0)
    for (const id of ids) assert.deepEqual(usage.peek(id), [])
  })
}

/** One use, and what must come of it unless it is told to be dropped. Some callers share the row of their seats. */
function use(usage: UsageRecorder, truth: Map<string, number>, caller: number, hasSeat: boolean): void {
  const version = 1 + (caller % 2)
  const code: VerdictCode = !hasSeat && caller % 3 === 0 ? 'EXPIRED' : 'VALID'
  const before = usage.stats.dropped
  const id = idOf(caller)
  const seat = hasSeat ? 1 + caller * (caller % 5 === 0 ? MAX_ENTRIES : 1) : null
  const decision = aDecision({ code, credential: aCredential({ id }), version, seat })
  usage.record(decision, { atMs: caller, ip: null, headers: [] })
  if (usage.stats.dropped > before) return
  const key = `${id} ${version} ${code}`
  truth.set(key, (truth.get(key) ?? 0) + 1)
}

test('each use is counted once, whatever becomes of the writes and whenever flushes are made', async () => {
  await checkAsyncProperty(
    'usage',
    60,
    countsEachOnce(() => openMemoryUsageStore(() => 0)),
  )
})

test('negative control: a store that counts a part again is found out', async () => {
  const forgetful = () => {
    const kept = openMemoryUsageStore(() => 0)
    let calls = 0
    return {
      ...kept,
      flush: (batch: readonly UsageDelta[]) => kept.flush(batch, { ...ANY, id: `${++calls}` }),
    }
  }
  assert.ok(await refutesAsync(60, countsEachOnce(forgetful)))
})

const ANY: FlushPart = { id: '', number: 0, isLast: true }
