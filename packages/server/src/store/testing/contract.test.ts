/** Negative controls: stores broken in one way each, and the check that must notice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FIRST_AUDIT_HASH } from '../audit-chain.ts'
import { openMemoryStore } from '../memory.ts'
import type { Put, SignOfLife, Store, Write } from '../port.ts'
import { checkDurable, STORE_CHECKS } from './contract.ts'
import { checkShared } from './contract-members.ts'

/** A memory store with some methods replaced. */
function broken(replace: (store: Store) => Partial<Store>): Store {
  const store = openMemoryStore()
  const parts = replace(store)
  return new Proxy(store, {
    get(target, name) {
      const member = parts[name as keyof Store] ?? target[name as keyof Store]
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

/** The same write, its puts moved to the revision that the store happens to be at. */
async function withoutGuard(store: Store, write: Write): Promise<Write> {
  const puts = write.puts.map(async (put) => {
    const revision = ((await store.read(put.table, put.record.id))?.revision ?? 0) + 1
    return { table: put.table, record: { ...put.record, revision } } as Put
  })
  return { ...write, puts: await Promise.all(puts) }
}

const CONTROLS: readonly { fault: string; noticedBy: RegExp; make: () => Store }[] = [
  {
    fault: 'drops the compare-and-set guard',
    noticedBy: /only at the revision it was read at/,
    make: () =>
      broken((store) => ({ commit: async (write) => store.commit(await withoutGuard(store, write)) })),
  },
  {
    fault: 'ignores what a write expects',
    noticedBy: /only while the rows it expects/,
    make: () => broken((store) => ({ commit: (write) => store.commit({ ...write, expects: [] }) })),
  },
  {
    fault: 'carries out the first part of a write that is then refused',
    noticedBy: /a refused write leaves nothing behind/,
    make: () =>
      broken((store) => ({
        async commit(write) {
          const result = await store.commit(write)
          if (!result.ok)
            await store.commit({ ...write, puts: write.puts.slice(0, 1), deletes: [], expects: [] })
          return result
        },
      })),
  },
  {
    fault: 'forgets idempotency entries',
    noticedBy: /idempotency key leads to one write/,
    make: () => broken((store) => ({ commit: (write) => store.commit({ ...write, idempotency: null }) })),
  },
  {
    fault: 'finds by its handle what another workspace has',
    noticedBy: /a handle is that of one credential in a workspace/,
    make: () =>
      broken((store) => ({ readByHandle: (_, kind, handle) => store.readByHandle('ws_1', kind, handle) })),
  },
  {
    fault: 'skips a change now and then',
    noticedBy: /misses no change/,
    make: () =>
      broken((store) => ({
        async changesSince(position, limit) {
          const page = await store.changesSince(position, limit)
          return { ...page, changes: page.changes.filter((change) => change.position % 13 !== 0) }
        },
      })),
  },
  {
    fault: 'says that a follower has caught up where it has not',
    noticedBy: /tells the newest position too/,
    make: () =>
      broken((store) => ({
        async changesSince(position, limit) {
          const page = await store.changesSince(position, limit)
          return { ...page, head: page.changes.at(-1)?.position ?? position }
        },
      })),
  },
  {
    fault: 'says of no position which history led to it',
    noticedBy: /the hash of each position/,
    make: () =>
      broken((store) => ({
        async changesSince(position, limit) {
          const page = await store.changesSince(position, limit)
          return { ...page, hash: FIRST_AUDIT_HASH }
        },
      })),
  },
  {
    fault: 'tells the newest hash for every position',
    noticedBy: /the hash of each position/,
    make: () =>
      broken((store) => ({
        async changesSince(position, limit) {
          const page = await store.changesSince(position, limit)
          const changes = page.changes.map((change) => ({ ...change, hash: page.headHash }))
          return { ...page, changes }
        },
      })),
  },
  {
    fault: 'lets positions begin anew when changes are forgotten',
    noticedBy: /old changes are forgotten/,
    make: () =>
      broken((store) => ({
        async changesSince(position, limit) {
          const page = await store.changesSince(position, limit)
          return { ...page, head: page.changes.at(-1)?.position ?? 0 }
        },
      })),
  },
  {
    fault: 'goes on telling those who have stopped listening',
    noticedBy: /who listens hears/,
    make: () =>
      broken((store) => ({
        async listen(listener) {
          await store.listen(listener)
          return async () => {}
        },
      })),
  },
  {
    fault: 'lists a process that left',
    noticedBy: /signs of life/,
    make: () => broken(() => ({ leave: async () => {} })),
  },
  {
    fault: 'gives others up by the lease of whoever asks',
    noticedBy: /given up by its own lease/,
    make: () => {
      const signs = new Map<string, { sign: SignOfLife; atMs: number }>()
      return broken(() => ({
        async beat(mine, silenceMs) {
          const nowMs = Date.now()
          signs.set(mine.memberId, { sign: mine, atMs: nowMs })
          const living = [...signs.values()].filter(({ atMs }) => nowMs - atMs <= mine.leaseMs + silenceMs)
          return living.map(({ sign }) => sign)
        },
      }))
    },
  },
  {
    fault: 'lets two first starts run at once',
    noticedBy: /ask to be alone/,
    make: () => broken(() => ({ alone: (work) => work() })),
  },
  {
    fault: 'breaks ties between rows of one moment wrongly',
    noticedBy: /pages hold every row once/,
    make: () =>
      broken((store) => ({
        list: (table, query) =>
          store.list(table, { ...query, cursor: query.cursor && { ...query.cursor, id: '' } }),
      })),
  },
  {
    fault: 'ignores a filter',
    noticedBy: /every filter keeps/,
    make: () =>
      broken((store) => ({
        list(table, query) {
          const { tag: _, ...filters } = query.filters
          return store.list(table, { ...query, filters })
        },
      })),
  },
  {
    fault: 'lists across workspaces',
    noticedBy: /a list stays in its workspace/,
    make: () =>
      broken((store) => ({ list: (table, query) => store.list(table, { ...query, workspaceId: null }) })),
  },
  {
    fault: 'lets two spenders have the same credit',
    noticedBy: /credits are exact/,
    make: () => {
      let left = 100
      return broken(() => ({
        async spendCredits(_key, _limit, cost) {
          const before = left
          await new Promise((resolve) => setImmediate(resolve))
          if (before < cost) return { allowed: false, remaining: before, retryAfterMs: null }
          left = before - cost
          return { allowed: true, remaining: left, retryAfterMs: null }
        },
      }))
    },
  },
  {
    fault: 'follows every small step of the clock back',
    noticedBy: /does not bring the next refill forward/,
    make: () => {
      let earliestMs = Number.POSITIVE_INFINITY
      return broken((store) => ({
        spendCredits(key, limit, cost, nowMs) {
          const earlyMs = Math.max(0, nowMs - earliestMs)
          earliestMs = Math.min(earliestMs, nowMs)
          return store.spendCredits(key, limit, cost, nowMs + (earlyMs > 0 ? 3000 : 0))
        },
      }))
    },
  },
  {
    fault: 'loses the detail of audit entries',
    noticedBy: /its audit entry at its position/,
    make: () =>
      broken((store) => ({
        commit: (write) => store.commit({ ...write, audit: { ...write.audit, detail: {} } }),
      })),
  },
  {
    fault: 'drops empty lists',
    noticedBy: /every record comes back/,
    make: () =>
      broken((store) => ({
        async read(table, id) {
          const record = await store.read(table, id)
          return record && 'limits' in record && record.limits.length === 0
            ? { ...record, limits: null! }
            : record
        },
      })),
  },
]

/** The check itself refused, be it inside a property of fast-check; the broken store did not just crash. */
function isAssertion(error: Error): boolean {
  return error instanceof assert.AssertionError || error.cause instanceof assert.AssertionError
}

for (const { fault, noticedBy, make } of CONTROLS) {
  test(`the contract notices a store that ${fault}`, async () => {
    const check = STORE_CHECKS.find(({ name }) => noticedBy.test(name))
    assert.ok(check !== undefined, `no check is called ${noticedBy}`)
    await assert.rejects(check.run(make()), isAssertion)
  })
}

test('the contract notices a store that keeps nothing', async () => {
  const forgetful = { store: openMemoryStore(), reopen: async () => openMemoryStore() }
  await assert.rejects(checkDurable(forgetful), assert.AssertionError)
})

test('the contract notices two processes that do not share what they should', async () => {
  await assert.rejects(checkShared(openMemoryStore(), openMemoryStore()), assert.AssertionError)
})
