import assert from 'node:assert/strict'
import { FIRST_AUDIT_HASH, verifyAuditChain } from '../audit-chain.ts'
import type { AuditRow, Change, Store } from '../port.ts'
import type { Check } from './contract-check.ts'
import { anApi, anAudit, aPrincipal, aWrite, commitPuts, positionOf, put, seed } from './contract-records.ts'

/** What must hold of the change feed and the audit trail. */
export const FEED_CHECKS: readonly Check[] = [
  {
    name: 'a follower that polls beside many writers misses no change and sees each once, in order',
    async run(store) {
      await seed(store)
      const start = await store.position()
      const writers = Promise.all(Array.from({ length: 8 }, (_, writer) => writeTen(store, writer)))
      let finished = false
      const done = writers.finally(() => {
        finished = true
      })
      const seen: Change[] = []
      for (let last = false; !last; ) {
        // Read once more after the last acknowledgement: from then on everything must be there.
        last = finished
        let page: readonly Change[]
        do {
          page = (await store.changesSince(seen.at(-1)?.position ?? start, 7)).changes
          seen.push(...page)
        } while (page.length > 0)
        await new Promise((resolve) => setImmediate(resolve))
      }
      const acknowledged = new Map((await done).flat())
      assert.deepEqual(
        seen.map(({ position }) => position),
        Array.from({ length: 80 }, (_, i) => start + 1 + i),
      )
      for (const { position, touched } of seen) {
        assert.deepEqual(touched, [{ table: 'principal', id: acknowledged.get(position) }])
      }
      assert.equal(await store.position(), start + 80)
    },
  },
  {
    name: 'what is acknowledged can be read at once, with its change',
    async run(store) {
      await seed(store)
      for (let i = 0; i < 20; i++) {
        const position = await commitPuts(store, put('principal', aPrincipal(`prn_n${i}`)))
        assert.equal((await store.read('principal', `prn_n${i}`))?.name, `prn_n${i}`)
        assert.equal(await store.position(), position)
        const { head, changes } = await store.changesSince(position - 1, 10)
        assert.deepEqual([head, changes[0]?.position], [position, position])
      }
    },
  },
  {
    name: 'a change names every row that was written or deleted, and when and where',
    async run(store) {
      await seed(store)
      const puts = [put('api', anApi('api_1', { revision: 2 })), put('principal', aPrincipal('prn_2'))]
      const deletes = [{ table: 'principal', id: 'prn_1', revision: 1 }] as const
      const position = positionOf(
        await store.commit(aWrite({ puts, deletes, audit: anAudit({ atMs: 4_000 }) })),
      )
      const touched = ['api/api_1', 'principal/prn_1', 'principal/prn_2']
      const [change] = (await store.changesSince(position - 1, 1)).changes
      assert.deepEqual(change?.touched.map(({ table, id }) => `${table}/${id}`).toSorted(), touched)
      assert.deepEqual([change?.position, change?.workspaceId, change?.atMs], [position, 'ws_1', 4_000])
    },
  },
  {
    name: 'a page of the feed tells the newest position too, beyond its own end and where it is empty',
    async run(store) {
      const empty = await store.changesSince(0, 5)
      assert.deepEqual([empty.head, empty.changes], [0, []])
      await seed(store)
      for (let i = 0; i < 6; i++) await store.commit(aWrite())
      const page = await store.changesSince(2, 3)
      assert.deepEqual([page.head, page.changes.map(({ position }) => position)], [7, [3, 4, 5]])
      for (const [position, limit] of [
        [7, 3],
        [9, 3],
        [0, 0],
      ] as const) {
        const { head, changes } = await store.changesSince(position, limit)
        assert.deepEqual([head, changes], [7, []])
      }
    },
  },
  {
    name: 'a page of the feed tells the hash of each position: the one asked about, those of its changes, the newest',
    async run(store) {
      const empty = await store.changesSince(0, 5)
      assert.deepEqual([empty.hash, empty.headHash], [FIRST_AUDIT_HASH, FIRST_AUDIT_HASH])
      await seed(store)
      for (let i = 0; i < 6; i++) await store.commit(aWrite({ workspaceId: i % 2 === 0 ? 'ws_2' : 'ws_1' }))
      const hashes = [FIRST_AUDIT_HASH, ...(await wholeTrail(store)).map(({ hash }) => hash)]
      assert.equal(new Set(hashes).size, 8)
      for (const limit of [0, 3, 10]) {
        for (let position = 0; position <= 7; position++) {
          const page = await store.changesSince(position, limit)
          assert.deepEqual([page.hash, page.headHash], [hashes[position], hashes[7]])
          for (const change of page.changes) assert.equal(change.hash, hashes[change.position])
        }
      }
      const beyond = await store.changesSince(8, 3)
      assert.deepEqual([beyond.hash, beyond.headHash], [null, hashes[7]])
      await store.forgetChangesBefore(Number.MAX_SAFE_INTEGER)
      for (const position of [0, 3, 7])
        assert.equal(
          (await store.changesSince(position, 3)).hash,
          hashes[position],
          'also where changes were forgotten',
        )
    },
  },
  {
    name: 'more old changes than are forgotten at once are all forgotten',
    async run(store) {
      await seed(store)
      const at = (atMs: number) => store.commit(aWrite({ audit: anAudit({ atMs }) }))
      for (let made = 0; made < 2_100; made += 700)
        await Promise.all(Array.from({ length: 700 }, () => at(5_000)))
      await at(7_000)
      await store.forgetChangesBefore(7_000)
      const { head, changes } = await store.changesSince(0, 3_000)
      assert.deepEqual([head, changes.map(({ position }) => position)], [2_102, [2_102]])
    },
  },
  {
    name: 'old changes are forgotten, and neither positions nor the trail with them',
    async run(store) {
      await seed(store)
      const at = (atMs: number) => store.commit(aWrite({ audit: anAudit({ atMs }) }))
      for (const atMs of [5_000, 6_000, 7_000]) await at(atMs)
      await store.forgetChangesBefore(7_000)
      const { head, changes } = await store.changesSince(0, 10)
      assert.deepEqual([head, changes.map(({ position }) => position)], [4, [4]])
      await store.forgetChangesBefore(8_000)
      const forgotten = await store.changesSince(0, 10)
      assert.deepEqual([forgotten.head, forgotten.changes], [4, []])
      assert.equal(positionOf(await at(9_000)), 5)
      assert.equal((await wholeTrail(store)).length, 5)
    },
  },
  {
    name: 'every write has its audit entry at its position, and the entries are one unbroken chain',
    async run(store) {
      await seed(store)
      const detail = { b: 'ü\u202e\ud800\0', a: { nested: [1, null, 'x'] }, ['__proto__']: 'own' }
      const entry = anAudit({
        action: 'api.update',
        actorCredentialId: 'crd1',
        requestId: 'r1',
        ip: '::1',
        detail,
      })
      const position = positionOf(await store.commit(aWrite({ audit: entry })))
      for (const workspaceId of ['ws_2', 'ws_1', 'ws_2']) await store.commit(aWrite({ workspaceId }))
      const [first] = await store.listAudit('ws_1', { limit: 1, before: position + 1 })
      assert.deepEqual(first, { ...entry, position, workspaceId: 'ws_1', hash: first?.hash })
      const trail = await wholeTrail(store)
      assert.equal(trail.length, await store.position())
      assert.deepEqual(verifyAuditChain(trail), { ok: true, newestHash: trail.at(-1)?.hash })
    },
  },
  {
    name: 'the trail is read newest first, page by page, workspace by workspace',
    async run(store) {
      await seed(store)
      for (let i = 0; i < 5; i++) await store.commit(aWrite({ audit: anAudit({ targetId: `t${i}` }) }))
      await store.commit(aWrite({ workspaceId: 'ws_2' }))
      const first = await store.listAudit('ws_1', { limit: 3, before: null })
      const second = await store.listAudit('ws_1', { limit: 10, before: first.at(-1)!.position })
      assert.deepEqual(
        first.map(({ targetId }) => targetId),
        ['t4', 't3', 't2'],
      )
      assert.deepEqual(
        second.map(({ targetId }) => targetId),
        ['t1', 't0', 'api_1'],
      )
      assert.equal((await store.listAudit('ws_2', { limit: 10, before: null })).length, 1)
    },
  },
]

async function writeTen(store: Store, writer: number): Promise<[number, string][]> {
  const acknowledged: [number, string][] = []
  for (let i = 0; i < 10; i++) {
    const id = `prn_w${writer}n${i}`
    acknowledged.push([await commitPuts(store, put('principal', aPrincipal(id))), id])
  }
  return acknowledged
}

/** Oldest first, all workspaces together. */
export async function wholeTrail(store: Store): Promise<AuditRow[]> {
  const all = { limit: 1000, before: null }
  const parts = await Promise.all(['ws_1', 'ws_2'].map((workspaceId) => store.listAudit(workspaceId, all)))
  return parts.flat().toSorted((a, b) => a.position - b.position)
}
