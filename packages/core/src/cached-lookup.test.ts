import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CachedLookup, LookupUnavailable, type RecordReader } from './cached-lookup.ts'
import { aCredential, aRole } from './testing/records.ts'

const held = { holds: () => true }

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
    const lookup = new CachedLookup(reader, held, 10)
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
    const lookup = new CachedLookup(reader, held, 10)
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
    const lookup = new CachedLookup({ read: async () => aRole() as never }, { holds: () => holds }, 10)
    await lookup.get('role', 'r')
    assert.ok(lookup.peek('role', 'r'))
    holds = false
    assert.equal(lookup.peek('role', 'r'), undefined)
  })

  it('gives nobody who asks after an invalidation what was read before it', async () => {
    const { reader, waiting, answer } = controlledReader()
    const lookup = new CachedLookup(reader, held, 10)
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

  it('tells silence from absence: a reader that fails is LookupUnavailable, and is asked again', async () => {
    let works = false
    const role = aRole()
    const reader: RecordReader = {
      read: async () => {
        if (!works) throw new Error('connection lost')
        return role as never
      },
    }
    const lookup = new CachedLookup(reader, held, 10)
    await assert.rejects(lookup.get('role', 'r'), LookupUnavailable)
    works = true
    assert.equal(await lookup.get('role', 'r'), role)
  })

  it('holds no more than it was told to', async () => {
    const lookup = new CachedLookup({ read: async () => aRole() as never }, held, 100)
    for (let i = 0; i < 10_000; i++) await lookup.get('role', `r${i}`)
    assert.ok(lookup.size <= 100)
    assert.ok(lookup.peek('role', 'r9999'))
  })

  it('has a credential stand in for every unknown id, always the same, and each for some', async () => {
    const lookup = new CachedLookup({ read: async () => aCredential() as never }, held, 10)
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
})
