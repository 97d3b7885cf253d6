import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  CachedLookup,
  FROM_CACHE,
  FROM_STORE,
  LookupUnavailable,
  type RecordReader,
} from './cached-lookup.ts'
import { aCredential, anApi, aRole } from './testing/records.ts'

const held = { holds: () => true, overdueMs: () => 0 }
const bounds = (maxEntries: number) => ({ maxEntries, maxBytes: 1e9 })

/** A reader whose reads end when the test says so. */
function controlledReader() {
  const waiting: ((role: ReturnType<typeof aRole> | undefined) => void)[] = []
  const reader = { read: () => new Promise((resolve) => waiting.push(resolve as never)) } as RecordReader
  return { reader, waiting, answer: (role?: ReturnType<typeof aRole>) => waiting.shift()!(role) }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('the cached lookup', () => {
  it('reads once for all who ask at the same time, and answers from memory afterwards', async () => {
    const { reader, waiting, answer } = controlledReader()
    const lookup = new CachedLookup(reader, held, bounds(10))
    const asked = [lookup.get('role', 'r'), lookup.get('role', 'r')]
    await settled()
    assert.equal(waiting.length, 1)
    const role = aRole()
    answer(role)
    assert.deepEqual(await Promise.all(asked), [role, role])
    assert.equal(lookup.peek('role', 'r'), role)
  })

  it('never caches absence', async () => {
    const { reader, waiting, answer } = controlledReader()
    const lookup = new CachedLookup(reader, held, bounds(10))
    const first = lookup.get('role', 'r')
    await settled()
    answer(undefined)
    assert.equal(await first, undefined)
    void lookup.get('role', 'r')
    await settled()
    assert.equal(waiting.length, 1)
  })

  it('answers from the store while the lease does not hold', async () => {
    let holds = true
    const lookup = new CachedLookup(
      { read: async () => aRole() as never },
      { ...held, holds: () => holds },
      bounds(10),
    )
    await lookup.get('role', 'r')
    assert.ok(lookup.peek('role', 'r'))
    holds = false
    assert.equal(lookup.peek('role', 'r'), undefined)
  })

  it('gives nobody who asks after an invalidation what was read before it', async () => {
    const { reader, waiting, answer } = controlledReader()
    const lookup = new CachedLookup(reader, held, bounds(10))
    const before = lookup.get('role', 'r')
    await settled()
    lookup.invalidate('role', 'r')
    const after = lookup.get('role', 'r')
    await settled()
    assert.equal(waiting.length, 2)
    const [stale, current] = [aRole(), aRole()]
    answer(stale)
    assert.equal(await before, stale)
    assert.equal(lookup.peek('role', 'r'), undefined, 'the overtaken read is not kept')
    answer(current)
    assert.equal(await after, current)
    assert.equal(lookup.peek('role', 'r'), current)
  })

  it('gives nobody what the store was asked for before they came, and asks it once more for all of them', async () => {
    const { reader, waiting, answer } = controlledReader()
    const lookup = new CachedLookup(reader, held, bounds(10))
    const first = lookup.read('role', 'r')
    await settled()
    const later = [lookup.read('role', 'r'), lookup.get('role', 'r'), lookup.read('role', 'r')]
    await settled()
    assert.equal(waiting.length, 1, 'no second read beside the first')
    const [old, current] = [aRole(), aRole({ revision: 2 })]
    answer(old)
    assert.equal(await first, old)
    await settled()
    assert.equal(waiting.length, 1)
    answer(current)
    assert.deepEqual(await Promise.all(later), [current, current, current])
    assert.equal(waiting.length, 0)
  })

  it('asks again for those who waited for a read that failed', async () => {
    let works = false
    const role = aRole()
    const ends: (() => void)[] = []
    const read = () =>
      new Promise((resolve, reject) => {
        ends.push(() => (works ? resolve(role) : reject(new Error('connection lost'))))
      })
    const lookup = new CachedLookup({ read } as RecordReader, held, bounds(10))
    const first = lookup.read('role', 'r')
    await settled()
    const later = lookup.read('role', 'r')
    ends.shift()!()
    await assert.rejects(first, LookupUnavailable)
    works = true
    await settled()
    ends.shift()!()
    assert.equal(await later, role)
  })

  it('gives what is known beyond the lease only within the grace asked for', async () => {
    let overdueMs = 0
    const lease = { holds: () => overdueMs === 0, overdueMs: () => overdueMs }
    const api = anApi({ outageGraceSeconds: 2 })
    const lookup = new CachedLookup({ read: async () => api as never }, lease, bounds(10))
    await lookup.get('api', api.id)
    overdueMs = 2000
    assert.equal(lookup.peek('api', api.id), undefined)
    assert.equal(lookup.peekOverdue('api', api.id, 2000), api)
    assert.equal(lookup.apiInGrace(api.id), api)
    overdueMs = 2001
    assert.equal(lookup.peekOverdue('api', api.id, 2000), undefined)
    assert.equal(lookup.apiInGrace(api.id), undefined)
    assert.equal(lookup.apiInGrace('another'), undefined)
  })

  it('holds no more bytes than it was told to, whatever the records hold', async () => {
    const metadata = { text: 'x'.repeat(10_000) }
    const read = async (_table: string, id: string) => aCredential({ id, metadata }) as never
    const lookup = new CachedLookup({ read }, held, { maxEntries: 1000, maxBytes: 1_000_000 })
    for (let i = 0; i < 500; i++) await lookup.read('credential', `c${i}`)
    assert.ok(lookup.size >= 20 && lookup.size <= 50, `${lookup.size} records of 10 kB in half a megabyte`)
    assert.ok(lookup.peek('credential', 'c499'))
  })

  it('tells silence from absence: a reader that fails is LookupUnavailable, and is asked again', async () => {
    let works = false
    const role = aRole()
    const reader: RecordReader = {
      read: async () => {
        if (!works) throw new Error('connection lost')
        return role as never
      },
    }
    const lookup = new CachedLookup(reader, held, bounds(10))
    await assert.rejects(lookup.get('role', 'r'), LookupUnavailable)
    works = true
    assert.equal(await lookup.get('role', 'r'), role)
  })

  it('holds no more than it was told to', async () => {
    const lookup = new CachedLookup({ read: async () => aRole() as never }, held, bounds(100))
    for (let i = 0; i < 10_000; i++) await lookup.get('role', `r${i}`)
    assert.ok(lookup.size <= 100)
    assert.ok(lookup.peek('role', 'r9999'))
  })

  it('has a credential stand in for every unknown id, always the same, and each for some', async () => {
    const lookup = new CachedLookup({ read: async () => aCredential() as never }, held, bounds(10))
    assert.equal(lookup.decoyFor('unknown00000'), null)
    const known = Array.from({ length: 1000 }, (_, n) => `known${String(n).padStart(7, '0')}`)
    for (const id of known) await lookup.read('credential', id)
    const standIns = new Set<string>()
    for (let n = 0; n < 20_000; n++) {
      const id = `unkno${String(n).padStart(7, '0')}`
      const standIn = lookup.decoyFor(id)!
      assert.ok(known.includes(standIn))
      assert.equal(lookup.decoyFor(id), standIn)
      standIns.add(standIn)
    }
    assert.ok(standIns.size > 200, `${standIns.size} stand in`)
  })

  it('empties a slot at once when the feed tells, when it is read anew, and when changes may have been missed', async () => {
    const lookup = new CachedLookup({ read: async () => aRole() as never }, held, bounds(10))
    const slotNow = async () => {
      const role = await lookup.read('role', 'rol_000000000001')
      assert.equal(lookup.slotOf('role', aRole()), null, 'an equal record is not the same one')
      return lookup.slotOf('role', role!)!
    }
    for (const forget of [
      () => lookup.invalidate('role', 'rol_000000000001'),
      () => lookup.read('role', 'rol_000000000001'),
      () => lookup.clear(),
    ]) {
      const slot = await slotNow()
      assert.deepEqual(slot.record, aRole())
      await forget()
      assert.equal(slot.record, undefined)
    }
  })

  it('says for each reading whether anything cached may answer it', () => {
    let overdueMs = 0
    const lease = { holds: () => overdueMs === 0, overdueMs: () => overdueMs }
    const lookup = new CachedLookup({ read: async () => undefined }, lease, bounds(10))
    const may = () =>
      [FROM_CACHE, FROM_STORE, { from: 'memory', graceMs: 10 } as const].map((reading) =>
        lookup.mayAnswer(reading),
      )
    assert.deepEqual(may(), [true, false, true])
    overdueMs = 10
    assert.deepEqual(may(), [false, false, true])
    overdueMs = 11
    assert.deepEqual(may(), [false, false, false])
  })
})
