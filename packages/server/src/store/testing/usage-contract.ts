import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StoreFault } from '../port.ts'
import {
  COUNTER_LIFE_MS,
  FLUSH_LIFE_MS,
  type FlushPart,
  type UsageDelta,
  type UsageStore,
} from '../usage-port.ts'

export const A_DELTA: UsageDelta = {
  workspaceId: 'ws_1',
  credentialId: 'crd1',
  version: 1,
  code: 'VALID',
  count: 3,
  firstAtMs: 2_000,
  lastAtMs: 5_000,
  lastIp: '10.0.0.1',
  lastUserAgent: 'curl/8.5',
}

/** A new usage store, and its clock, which begins at 1000. */
export interface OpenedUsageStore {
  readonly store: UsageStore
  setClock(ms: number): void
}

let flushes = 0

/** A flush of one part. */
export function whole(id: string): FlushPart {
  return { id, number: 0, isLast: true }
}

/** One that there was not yet. */
export function nextFlush(): FlushPart {
  return whole(`flush-${++flushes}`)
}

/** Registers what must hold of every usage store. `open` gives a new, empty one each time. */
export function usageContract(name: string, open: () => Promise<OpenedUsageStore>): void {
  const checked = (title: string, run: (opened: OpenedUsageStore) => Promise<void>) =>
    test(title, async () => {
      const opened = await open()
      try {
        await run(opened)
      } finally {
        await opened.store.close()
      }
    })

  describe(`usage store: ${name}`, () => {
    checked('counts add up by credential, version and verdict', async ({ store }) => {
      const second: UsageDelta = { ...A_DELTA, version: 2, count: 1 }
      const refused: UsageDelta = {
        ...A_DELTA,
        code: 'RATE_LIMITED',
        count: 7,
        lastIp: null,
        lastUserAgent: null,
      }
      await store.flush([A_DELTA, second, refused, { ...A_DELTA, credentialId: 'crd2' }], nextFlush())
      await store.flush([A_DELTA], nextFlush())
      const usage = await store.usageOf(['crd1', 'crd2', 'crd3'])
      assert.deepEqual([...usage.keys()].toSorted(), ['crd1', 'crd2'])
      const { workspaceId: _, credentialId: __, ...row } = A_DELTA
      assert.deepEqual(usage.get('crd1'), [
        { ...row, code: 'RATE_LIMITED', count: 7, lastIp: null, lastUserAgent: null },
        { ...row, count: 6 },
        { ...row, version: 2, count: 1 },
      ])
    })

    checked(
      'first and last are kept, and where the last came from, in whatever order they arrive',
      async ({ store }) => {
        await store.flush([A_DELTA], nextFlush())
        await store.flush(
          [{ ...A_DELTA, firstAtMs: 1_000, lastAtMs: 4_000, lastIp: '10.0.0.2' }],
          nextFlush(),
        )
        const [early] = (await store.usageOf(['crd1'])).get('crd1')!
        assert.deepEqual([early?.firstAtMs, early?.lastAtMs, early?.lastIp], [1_000, 5_000, '10.0.0.1'])
        await store.flush(
          [{ ...A_DELTA, firstAtMs: 6_000, lastAtMs: 6_000, lastIp: null, lastUserAgent: 'b' }],
          nextFlush(),
        )
        const [late] = (await store.usageOf(['crd1'])).get('crd1')!
        const last = [late?.count, late?.firstAtMs, late?.lastAtMs, late?.lastIp, late?.lastUserAgent]
        assert.deepEqual(last, [9, 1_000, 6_000, null, 'b'])
      },
    )

    checked('flushes made at once lose nothing', async ({ store }) => {
      await Promise.all(Array.from({ length: 50 }, () => store.flush([A_DELTA, A_DELTA], nextFlush())))
      assert.equal((await store.usageOf(['crd1'])).get('crd1')?.[0]?.count, 300)
    })

    checked('a flush that is repeated is counted once, until nobody would repeat it', async (opened) => {
      const { store, setClock } = opened
      const count = async () => (await store.usageOf(['crd1'])).get('crd1')?.[0]?.count
      await store.flush([A_DELTA, A_DELTA], whole('one'))
      await store.flush([A_DELTA, A_DELTA], whole('one'))
      assert.equal(await count(), 6)
      await Promise.all([1, 2, 3].map(() => store.flush([A_DELTA], whole('two'))))
      assert.equal(await count(), 9)
      setClock(1_000 + FLUSH_LIFE_MS)
      await store.flush([A_DELTA], whole('one'))
      assert.equal(await count(), 9)
      setClock(1_001 + FLUSH_LIFE_MS)
      await store.flush([A_DELTA], whole('three'))
      await store.flush([A_DELTA], whole('one'))
      assert.equal(await count(), 15)
    })

    checked('each part of a flush is counted once, also when the flush is over', async ({ store }) => {
      const parts = [0, 1, 2].map((number) => ({ id: 'one', number, isLast: number === 2 }))
      const count = async () => (await store.usageOf(['crd1'])).get('crd1')?.[0]?.count
      await store.flush([A_DELTA], parts[0]!)
      await store.flush([A_DELTA], parts[0]!)
      await store.flush([A_DELTA], parts[1]!)
      assert.equal(await count(), 6)
      for (const part of [parts[0]!, parts[1]!, parts[2]!]) await store.flush([A_DELTA], part)
      assert.equal(await count(), 9)
      for (const part of parts) await store.flush([A_DELTA], part)
      assert.equal(await count(), 9)
      await store.flush([A_DELTA], { id: 'two', number: 0, isLast: false })
      assert.equal(await count(), 12)
    })

    checked('a batch of which one row cannot be kept is not counted at all', async ({ store }) => {
      const impossible = { ...A_DELTA, credentialId: null } as unknown as UsageDelta
      await assert.rejects(store.flush([A_DELTA, impossible], whole('one')), StoreFault)
      assert.equal((await store.usageOf(['crd1'])).size, 0)
      await store.flush([A_DELTA], whole('one'))
      assert.equal((await store.usageOf(['crd1'])).get('crd1')?.[0]?.count, 3)
    })

    checked('a user agent that text cannot hold is kept as far as it can', async ({ store }) => {
      await store.flush([{ ...A_DELTA, lastUserAgent: 'a\0b\ud800' }], nextFlush())
      const [row] = (await store.usageOf(['crd1'])).get('crd1')!
      assert.equal(row?.lastUserAgent, 'a\uFFFDb\uFFFD')
    })

    checked('nothing to do is nothing done', async ({ store }) => {
      await store.flush([], nextFlush())
      await store.saveCounters([])
      assert.equal((await store.usageOf([])).size, 0)
      assert.deepEqual(await store.loadCounters(), [])
    })

    checked(
      'counters come back as they were last saved, until they are too old to count',
      async ({ store, setClock }) => {
        await store.saveCounters([
          ['credential:a:quota:x', 1, 2.5],
          ['b', 3, 1.7e12],
        ])
        await store.saveCounters([['credential:a:quota:x', 9, 0]])
        assert.deepEqual((await store.loadCounters()).toSorted(), [
          ['b', 3, 1.7e12],
          ['credential:a:quota:x', 9, 0],
        ])
        setClock(1_000 + COUNTER_LIFE_MS)
        await store.saveCounters([['c', 0, 0]])
        assert.equal((await store.loadCounters()).length, 3)
        setClock(1_001 + COUNTER_LIFE_MS)
        assert.deepEqual(await store.loadCounters(), [['c', 0, 0]])
      },
    )
  })
}
