import assert from 'node:assert/strict'
import type { FeedListener, SignOfLife, Store } from '../port.ts'
import type { Check } from './contract-check.ts'
import { aPrincipal, commitPuts, put, seed } from './contract-records.ts'

const PATIENCE_MS = 5000

/** What must hold of how a store tells its processes of each other. */
export const MEMBER_CHECKS: readonly Check[] = [
  {
    name: 'who listens hears of a commit, and of how far others have followed, until it stops',
    async run(store) {
      await seed(store)
      const heard = listening()
      const stop = await store.listen(heard.listener)
      const position = await commitPuts(store, put('principal', aPrincipal('prn_2')))
      await heard.until(({ committed }) => committed.length > 0)
      assert.ok([position, null].includes(heard.committed[0]!))
      await store.announce('m1', position)
      await heard.until(({ reached }) => reached.length > 0)
      assert.deepEqual(heard.reached, [`m1@${position}`])
      await stop()
      const before = heard.committed.length
      const later = listening()
      const stopLater = await store.listen(later.listener)
      await commitPuts(store, put('principal', aPrincipal('prn_3')))
      await later.until(({ committed }) => committed.length > 0)
      await stopLater()
      assert.equal(heard.committed.length, before)
    },
  },
  {
    name: 'signs of life are listed, each process once and with its newest, until it leaves or falls silent',
    async run(store) {
      const listed = async (sign: SignOfLife) =>
        (await store.beat(sign, 60_000)).toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1))
      const [first, second] = [aSign('m1'), aSign('m2', { worker: 2, feedLagMs: null, isLeader: true })]
      assert.deepEqual(await listed(first), [first])
      assert.deepEqual(await listed(second), [first, second])
      const newer = aSign('m1', { position: 8 })
      assert.deepEqual(await listed(newer), [newer, second])
      await store.leave('m2')
      assert.deepEqual(await listed(newer), [newer])
    },
  },
  {
    name: 'whoever falls silent is given up by its own lease and the silence that is allowed, whoever asks',
    async run(store) {
      const [brief, long] = [aSign('m1', { leaseMs: 100 }), aSign('m2', { leaseMs: 60_000 })]
      const listed = async (sign: SignOfLife, silenceMs: number) =>
        (await store.beat(sign, silenceMs)).map(({ memberId }) => memberId).toSorted()
      await store.beat(long, 1)
      for (const endMs = Date.now() + 150; Date.now() < endMs; )
        assert.deepEqual(await listed(brief, 1), ['m1', 'm2'], 'the one that lives long is not given up')
      await until(async () => (await listed(long, 1)).join() === 'm2')
      assert.deepEqual(await listed(brief, 1), ['m1', 'm2'], 'and who was given up may come back')
    },
  },
  {
    name: 'of works that ask to be alone one runs at a time, also after one that failed',
    async run(store) {
      await checkAlone([store])
    },
  },
]

/** Holds of every store that has no other process do its writing. */
export const LEADS_ALONE: Check = {
  name: 'whoever shares a store with nobody leads',
  async run(store) {
    assert.equal(await store.lead(), true)
    assert.equal(await store.lead(), true)
  },
}

/** Holds of a store that has. */
export const NEVER_LEADS: Check = {
  name: 'whoever has another process write never leads: that one does',
  async run(store) {
    assert.equal(await store.lead(), false)
    await seed(store)
    assert.equal(await store.lead(), false)
  },
}

/** Two openings of one store: see sharedStoreContract. */
export async function checkShared(store: Store, other: Store): Promise<void> {
  await seed(store)
  await checkAlone([store, other])
  assert.equal(await store.lead(), true)
  assert.equal(await other.lead(), false)
  const position = await commitPuts(other, put('principal', aPrincipal('prn_2')))
  assert.equal((await store.read('principal', 'prn_2'))?.id, 'prn_2')
  assert.equal((await store.changesSince(position - 1, 5)).head, position)
  await store.close()
  await until(() => other.lead())
}

/** At most one at a time, whichever of the stores it asks. */
export async function checkAlone(stores: readonly Store[]): Promise<void> {
  let inside = 0
  let most = 0
  let ran = 0
  const work = async () => {
    inside += 1
    most = Math.max(most, inside)
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    inside -= 1
    ran += 1
    if (ran === 2) throw new Error('thrown by the work')
    return ran
  }
  const asked = [0, 1, 2, 3].map((i) => stores[i % stores.length]!.alone(work))
  const outcomes = await Promise.allSettled(asked)
  assert.deepEqual([most, ran], [1, 4])
  assert.equal(outcomes.filter(({ status }) => status === 'rejected').length, 1)
}

function aSign(memberId: string, over: Partial<SignOfLife> = {}): SignOfLife {
  return {
    memberId,
    node: 'node-a',
    worker: 0,
    version: '0.1.0',
    startedAtMs: 1_000,
    leaseMs: 1_000,
    position: 7,
    feedLagMs: 12,
    isLeader: false,
    ...over,
  }
}

function listening() {
  const committed: (number | null)[] = []
  const reached: string[] = []
  const waiting = new Set<() => void>()
  const look = () => {
    for (const check of waiting) check()
  }
  const listener: FeedListener = {
    committed(position) {
      committed.push(position)
      look()
    },
    reached(memberId, position) {
      reached.push(`${memberId}@${position}`)
      look()
    },
  }
  const heard = { listener, committed, reached }
  const until = (holds: (heard: { committed: (number | null)[]; reached: string[] }) => boolean) =>
    new Promise<void>((resolve, reject) => {
      const overdue = setTimeout(
        () => reject(new assert.AssertionError({ message: 'nothing was heard' })),
        PATIENCE_MS,
      )
      const check = () => {
        if (!holds(heard)) return
        clearTimeout(overdue)
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  return { ...heard, until }
}

/** Asks again until it is so; the store's own clock has to go on meanwhile. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + PATIENCE_MS
  while (!(await holds())) {
    if (Date.now() > endMs) assert.fail('it did not come to hold')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
