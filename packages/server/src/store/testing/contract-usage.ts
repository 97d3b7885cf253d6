import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COUNTER_LIFE_MS, type UsageDelta, type UsageStore } from '../usage-port.ts'

export const FIRST: UsageDelta = {
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

export interface OpenedUsage {
  /** What is opened begins at 1000 ms. */
  readonly store: UsageStore
  setClock(ms: number): void
}

/** Registers what must hold of every usage store as tests of one. `open` gives a new, empty one each time. */
export function usageContract(name: string, open: () => Promise<OpenedUsage>): void {
  const checked = (title: string, run: (opened: OpenedUsage) => Promise<void>) =>
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
      const second: UsageDelta = { ...FIRST, version: 2, count: 1 }
      const refused: UsageDelta = {
        ...FIRST,
        code: 'RATE_LIMITED',
        count: 7,
        lastIp: null,
        lastUserAgent: null,
      }
      await store.flush([FIRST, second, refused, { ...FIRST, credentialId: 'crd2' }])
      await store.flush([FIRST])
      const usage = await store.usageOf(['crd1', 'crd2', 'crd3'])
      assert.deepEqual([...usage.keys()].toSorted(), ['crd1', 'crd2'])
      const { workspaceId: _, credentialId: __, ...row } = FIRST
      assert.deepEqual(usage.get('crd1'), [
        { ...row, code: 'RATE_LIMITED', count: 7, lastIp: null, lastUserAgent: null },
        { ...row, count: 6 },
        { ...row, version: 2, count: 1 },
      ])
    })

    checked(
      'first and last are kept, and where the last came from, in whatever order they arrive',
      async ({ store }) => {
        await store.flush([FIRST])
        await store.flush([{ ...FIRST, firstAtMs: 1_000, lastAtMs: 4_000, lastIp: '10.0.0.2' }])
        const [early] = (await store.usageOf(['crd1'])).get('crd1')!
        assert.deepEqual([early?.firstAtMs, early?.lastAtMs, early?.lastIp], [1_000, 5_000, '10.0.0.1'])
        await store.flush([{ ...FIRST, firstAtMs: 6_000, lastAtMs: 6_000, lastIp: null, lastUserAgent: 'b' }])
        const [late] = (await store.usageOf(['crd1'])).get('crd1')!
        const last = [late?.count, late?.firstAtMs, late?.lastAtMs, late?.lastIp, late?.lastUserAgent]
        assert.deepEqual(last, [9, 1_000, 6_000, null, 'b'])
      },
    )

    checked('flushes made at once lose nothing', async ({ store }) => {
      await Promise.all(Array.from({ length: 50 }, () => store.flush([FIRST, FIRST])))
      assert.equal((await store.usageOf(['crd1'])).get('crd1')?.[0]?.count, 300)
    })

    checked('nothing to do is nothing done', async ({ store }) => {
      await store.flush([])
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
