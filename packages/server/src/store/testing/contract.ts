import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CredentialRecord } from '@credence/core'
import fc from 'fast-check'
import { verifyAuditChain } from '../audit-chain.ts'
import { type Put, type Store, StoreFault } from '../port.ts'
import type { Check } from './contract-check.ts'
import { CREDIT_CHECKS } from './contract-credits.ts'
import { FEED_CHECKS, wholeTrail } from './contract-feed.ts'
import { LIST_CHECKS } from './contract-lists.ts'
import { checkShared, LEADS_ALONE, MEMBER_CHECKS, NEVER_LEADS } from './contract-members.ts'
import {
  aCredential,
  anApi,
  anyNext,
  anyPut,
  aPrincipal,
  aWrite,
  commitPuts,
  put,
  seed,
  withId,
} from './contract-records.ts'
import { WRITE_CHECKS } from './contract-writes.ts'

/** A new store, and how to close it and open it again with what it kept (stores that keep nothing: none). */
export interface OpenedStore {
  readonly store: Store
  readonly reopen?: () => Promise<Store>
  /** Opens what `store` keeps a second time, beside it, as another process does. */
  readonly another?: () => Promise<Store>
}

const RECORD_CHECKS: readonly Check[] = [
  {
    name: 'every record comes back as it was put, whatever it holds',
    async run(store) {
      await seed(store)
      await commitPuts(store, put('api', anApi('api_2')))
      let number = 0
      await fc.assert(
        fc.asyncProperty(anyPut, async (drawn) => {
          const any = withId(drawn, `any_${number++}`)
          const result = await store.commit(aWrite({ puts: [any] }))
          // Drawn names collide now and then, which is another check's matter.
          if (!result.ok) fc.pre(result.conflict.type !== 'taken')
          assert.equal(result.ok, true)
          assert.deepEqual(await store.read(any.table, any.record.id), any.record)
          assert.deepEqual(await lookedUp(store, any), any.record)
        }),
        { numRuns: 200 },
      )
    },
  },
  {
    name: 'a record that is written again comes back as it was last put',
    async run(store) {
      await seed(store)
      await commitPuts(store, put('api', anApi('api_2')), put('credential', aCredential('crd1')))
      let current: CredentialRecord = aCredential('crd1')
      const steps = fc.infiniteStream(anyNext(aCredential('crd1')))
      for (const drawn of fc.sample(steps, 1)[0]!.take(40)) {
        current = { ...drawn, revision: current.revision + 1 }
        await commitPuts(store, put('credential', current))
        assert.deepEqual(await store.read('credential', 'crd1'), current)
      }
    },
  },
  {
    name: 'text that some store could not give back is a fault, and leaves nothing behind',
    async run(store) {
      await seed(store)
      for (const name of ['a\0b', 'lone \ud800']) {
        const puts = [put('principal', aPrincipal('prn_2')), put('principal', aPrincipal('prn_3', { name }))]
        await assert.rejects(store.commit(aWrite({ puts })), StoreFault)
      }
      assert.equal(await store.read('principal', 'prn_2'), undefined)
      assert.equal(await store.position(), 1)
    },
  },
  {
    name: 'a closed store answers with a fault, and closing waits for what is under way',
    async run(store) {
      await seed(store)
      const underWay = store.commit(aWrite({ puts: [put('principal', aPrincipal('prn_2'))] }))
      await store.close()
      assert.deepEqual(await underWay, { ok: true, position: 2 })
      await assert.rejects(store.read('api', 'api_1'), StoreFault)
      await assert.rejects(store.commit(aWrite()), StoreFault)
      await assert.rejects(
        store.list('api', { workspaceId: 'ws_1', limit: 1, cursor: null, filters: {} }),
        StoreFault,
      )
    },
  },
]

/** The row by its other ways: by name where it has one, else as the first of its list from there on. */
async function lookedUp(store: Store, { table, record }: Put): Promise<unknown> {
  if (table === 'workspace') return store.readByName(table, null, record.name)
  if (table !== 'credential' && table !== 'signing_key')
    return store.readByName(table, record.workspaceId, record.name)
  const cursor = { createdAtMs: record.createdAtMs, id: `${record.id}~` }
  return (await store.list(table, { workspaceId: 'ws_1', limit: 1, cursor, filters: {} })).records[0]
}

/** Everything that must hold of an open store, whichever process writes for it. */
const COMMON_CHECKS: readonly Check[] = [
  ...RECORD_CHECKS,
  ...WRITE_CHECKS,
  ...LIST_CHECKS,
  ...FEED_CHECKS,
  ...CREDIT_CHECKS,
  ...MEMBER_CHECKS,
]

/** Everything that must hold of an open store. */
export const STORE_CHECKS: readonly Check[] = [...COMMON_CHECKS, LEADS_ALONE]

/** Everything that must hold of a worker's store. */
export const WORKER_STORE_CHECKS: readonly Check[] = [...COMMON_CHECKS, NEVER_LEADS]

/** What must hold of a store that keeps what it acknowledged. It throws when one does not. */
export async function checkDurable(opened: OpenedStore): Promise<void> {
  const { store, reopen } = opened
  assert.ok(reopen !== undefined)
  await seed(store)
  const record = aCredential('crd1', { tags: ['t'] })
  const settings = [{ name: 'fingerprint', value: 'f' }]
  await store.commit(aWrite({ puts: [put('credential', record)], settings }))
  await store.spendCredits('k', { type: 'credits', name: 'calls', limit: 10, refill: null }, 4, 1_000)
  const again = await reopen()
  try {
    assert.deepEqual(await again.read('credential', 'crd1'), record)
    assert.equal(await again.readSetting('fingerprint'), 'f')
    assert.equal(await again.position(), 2)
    const left = await again.spendCredits(
      'k',
      { type: 'credits', name: 'calls', limit: 10, refill: null },
      0,
      1_000,
    )
    assert.equal(left.remaining, 6)
    await again.commit(aWrite())
    const trail = await wholeTrail(again)
    assert.deepEqual(verifyAuditChain(trail), { ok: true, newestHash: trail[2]?.hash })
  } finally {
    await again.close()
  }
}

/** Registers the contract as tests of one store. `open` gives a new, empty one each time. */
export function storeContract(
  name: string,
  open: () => Promise<OpenedStore>,
  checks: readonly Check[] = STORE_CHECKS,
): void {
  describe(`store contract: ${name}`, () => {
    for (const check of checks) {
      test(check.name, async () => {
        const { store } = await open()
        try {
          await check.run(store)
        } finally {
          await store.close()
        }
      })
    }
  })
}

/** Registers, beside storeContract, what only a store that keeps things can do. */
export function durableStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  test(`store contract: ${name}: what was acknowledged is there after the store is opened again`, async () => {
    const opened = await open()
    try {
      await checkDurable(opened)
    } finally {
      await opened.store.close()
    }
  })
}

/** Registers what must hold between two processes that share a store. */
export function sharedStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  test(`store contract: ${name}: one of those that share it leads, and the first start is one's alone`, async () => {
    const { store, another } = await open()
    assert.ok(another !== undefined)
    const other = await another()
    try {
      await checkShared(store, other)
    } finally {
      await Promise.all([store.close(), other.close()])
    }
  })
}
