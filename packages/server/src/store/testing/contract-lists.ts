import assert from 'node:assert/strict'
import type { CredentialRecord, TableName } from '@credence/core'
import type { Cursor, ListFilters, Store } from '../port.ts'
import type { Check } from './contract-check.ts'
import {
  aCredential,
  anApi,
  anIssuer,
  aPrincipal,
  aRole,
  aWorkspace,
  commitPuts,
  put,
  seed,
} from './contract-records.ts'

/** What must hold of lists. */
export const LIST_CHECKS: readonly Check[] = [
  {
    name: 'pages hold every row once, newest first, though rows are made meanwhile',
    async run(store) {
      await seed(store)
      // Many rows share a moment, so the id must break the tie across pages.
      const ids = Array.from({ length: 25 }, (_, i) => `crd${String(i).padStart(2, '0')}`)
      const grants = [{ apiId: 'api_1', scopes: [], roleIds: [] }]
      const made = ids.map((id, i) =>
        aCredential(id, { createdAtMs: 1_000 + Math.floor(i / 10), tags: ['t'], grants }),
      )
      await commitPuts(store, ...made.map((record) => put('credential', record)))
      for (const filters of [{}, { tag: 't' }, { apiId: 'api_1' }, { tag: 't', apiId: 'api_1' }]) {
        const seen: string[] = []
        let cursor: Cursor | null = null
        do {
          const page: Awaited<ReturnType<typeof store.list<'credential'>>> = await store.list('credential', {
            ...{ workspaceId: 'ws_1', limit: 4, cursor, filters },
          })
          assert.ok(page.records.length === 4 || page.next === null)
          seen.push(...page.records.map(({ id }) => id))
          cursor = page.next
          const id = `new${Object.keys(filters).join('')}${seen.length}`
          await commitPuts(
            store,
            put('credential', aCredential(id, { createdAtMs: 9_000, tags: ['t'], grants })),
          )
        } while (cursor !== null)
        // The second round and later also meet what the rounds before have made; those come first.
        assert.deepEqual(
          seen.filter((id) => id.startsWith('crd')),
          ids.toReversed(),
        )
        assert.equal(new Set(seen).size, seen.length)
      }
    },
  },
  {
    name: 'a page that is exactly full is the last one',
    async run(store) {
      await seed(store)
      await commitPuts(store, put('role', aRole('rol_1')), put('role', aRole('rol_2')))
      const page = await store.list('role', { workspaceId: 'ws_1', limit: 2, cursor: null, filters: {} })
      assert.equal(page.records.length, 2)
      assert.equal(page.next, null)
      const none = await store.list('role', { workspaceId: 'ws_2', limit: 2, cursor: null, filters: {} })
      assert.deepEqual(none, { records: [], next: null })
    },
  },
  {
    name: 'a list stays in its workspace; null lists across all',
    async run(store) {
      await seed(store)
      await commitPuts(store, put('principal', aPrincipal('prn_2', { workspaceId: 'ws_2' })))
      assert.deepEqual(await idsOf(store, 'principal', {}, 'ws_1'), ['prn_1'])
      assert.deepEqual(await idsOf(store, 'principal', {}, 'ws_2'), ['prn_2'])
      assert.deepEqual(await idsOf(store, 'principal', {}, null), ['prn_2', 'prn_1'])
      assert.deepEqual(await idsOf(store, 'workspace', {}, null), ['ws_2', 'ws_1'])
    },
  },
  {
    name: 'every filter keeps the rows that match it and no other, and all that are given must match',
    async run(store) {
      await seed(store)
      await commitPuts(
        store,
        put('principal', aPrincipal('prn_2', { type: 'user', externalId: 'cus_1' })),
        put('api', anApi('api_2')),
      )
      await commitPuts(store, put('role', aRole('rol_1')), put('role', aRole('rol_2', { apiId: 'api_2' })))
      await commitPuts(store, ...FILTERED.map((record) => put('credential', record)))
      for (const [filters, expected] of CREDENTIAL_FILTERS) {
        assert.deepEqual(
          (await idsOf(store, 'credential', filters)).toSorted(),
          expected,
          JSON.stringify(filters),
        )
      }
      assert.deepEqual(await idsOf(store, 'role', { apiId: 'api_2' }), ['rol_2'])
      assert.deepEqual(await idsOf(store, 'role', { name: 'rol_1' }), ['rol_1'])
      await commitPuts(store, put('issuer', anIssuer('iss_1')))
      assert.deepEqual(await idsOf(store, 'issuer', { apiId: 'api_1' }), ['iss_1'])
      assert.deepEqual(await idsOf(store, 'issuer', { apiId: 'api_2' }), [])
      assert.deepEqual(await idsOf(store, 'issuer', { name: 'iss_1' }), ['iss_1'])
      assert.deepEqual(await idsOf(store, 'principal', { type: 'user' }), ['prn_2'])
      assert.deepEqual(await idsOf(store, 'principal', { externalId: 'cus_1', type: 'service' }), [])
      assert.deepEqual(await idsOf(store, 'api', { name: 'api_2' }), ['api_2'])
      assert.deepEqual(await idsOf(store, 'workspace', { name: aWorkspace('ws_2').name }, null), ['ws_2'])
      await assert.rejects(idsOf(store, 'api', { tag: 't' }), /cannot be filtered/)
      await assert.rejects(idsOf(store, 'credential', { externalId: 'x' }), /cannot be filtered/)
    },
  },
  {
    name: 'lists can leave access tokens out, and can hold those of one credential alone',
    async run(store) {
      await seed(store)
      await commitPuts(store, ...['crdA', 'crdB'].map((id) => put('credential', aCredential(id))))
      const tokens = ['atA1', 'atA2', 'atB1'].map((id) => aToken(id, { parentId: `crd${id[2]}` }))
      await commitPuts(store, ...tokens.map((record) => put('credential', record)))
      assert.deepEqual((await idsOf(store, 'credential', { lasting: true })).toSorted(), ['crdA', 'crdB'])
      assert.deepEqual((await idsOf(store, 'credential', { parentId: 'crdA' })).toSorted(), ['atA1', 'atA2'])
      assert.deepEqual(await idsOf(store, 'credential', { parentId: 'crdA', lasting: true }), [])
      const withApi = { lasting: true, apiId: 'api_1' } as const
      assert.deepEqual(await idsOf(store, 'credential', withApi), [])
      await assert.rejects(idsOf(store, 'role', { lasting: true }), /cannot be filtered/)
    },
  },
  {
    name: 'access tokens that ended are forgotten with all that is theirs, and nothing else is',
    async run(store) {
      await seed(store)
      const over = Array.from({ length: 12 }, (_, i) => aToken(`old${i}`, { expiresAtMs: 4_999 }))
      const kept = [
        aToken('atNow', { expiresAtMs: 5_000 }),
        aCredential('crdA', { expiresAtMs: 1 }),
        aToken('atEver', { expiresAtMs: null }),
      ]
      for (const record of [...over, ...kept]) await commitPuts(store, put('credential', record))
      const position = await store.position()
      await store.forgetAccessTokensBefore(5_000)
      assert.deepEqual((await idsOf(store, 'credential', {})).toSorted(), ['atEver', 'atNow', 'crdA'])
      assert.deepEqual(await idsOf(store, 'credential', { tag: 'job' }), ['atNow', 'atEver'])
      assert.equal(await store.read('credential', 'old1'), undefined)
      assert.equal(await store.position(), position, 'nobody has to hear of it')
      // Its id is free again, so no part of it was left behind.
      await commitPuts(store, put('credential', aToken('old1', { expiresAtMs: 9_000 })))
      await store.forgetAccessTokensBefore(5_000)
      assert.equal((await store.read('credential', 'old1'))?.expiresAtMs, 9_000)
    },
  },
  {
    name: 'filters follow what a write takes away',
    async run(store) {
      await seed(store)
      const grants = [{ apiId: 'api_1', scopes: [], roleIds: [] }]
      await commitPuts(store, put('credential', aCredential('crd1', { tags: ['old', 'both'], grants })))
      await commitPuts(store, put('credential', aCredential('crd1', { revision: 2, tags: ['both', 'new'] })))
      assert.deepEqual(await idsOf(store, 'credential', { tag: 'old' }), [])
      assert.deepEqual(await idsOf(store, 'credential', { apiId: 'api_1' }), [])
      for (const tag of ['both', 'new']) assert.deepEqual(await idsOf(store, 'credential', { tag }), ['crd1'])
    },
  },
]

function aToken(id: string, over: Partial<CredentialRecord>): CredentialRecord {
  const grants = [{ apiId: 'api_1', scopes: ['a'], roleIds: [] }]
  return aCredential(id, {
    kind: 'access_token',
    parentId: 'crdA',
    parentVersion: 1,
    grants,
    tags: ['job'],
    ...over,
  })
}

const ON_2 = [{ apiId: 'api_2', scopes: ['a'], roleIds: [] }]
const FILTERED: readonly CredentialRecord[] = [
  aCredential('crdA', { tags: ['t', 't'], grants: ON_2, expiresAtMs: 5_000 }),
  aCredential('crdB', {
    kind: 'basic',
    state: 'revoked',
    principalId: 'prn_2',
    tags: ['t', 'u'],
    notBeforeMs: 3_000,
  }),
  aCredential('crdC', {
    name: 'deploy',
    grants: [...ON_2, { apiId: 'api_1', scopes: [], roleIds: [] }],
    expiresAtMs: 7_000,
  }),
]

const CREDENTIAL_FILTERS: readonly [ListFilters, readonly string[]][] = [
  [{}, ['crdA', 'crdB', 'crdC']],
  [{ principalId: 'prn_2' }, ['crdB']],
  [{ apiId: 'api_2' }, ['crdA', 'crdC']],
  [{ apiId: 'api_1' }, ['crdC']],
  [{ kind: 'basic' }, ['crdB']],
  [{ state: 'active' }, ['crdA', 'crdC']],
  [{ tag: 't' }, ['crdA', 'crdB']],
  [{ tag: 'T' }, []],
  [{ name: 'deploy' }, ['crdC']],
  [{ expiresBeforeMs: 5_000 }, []],
  [{ expiresBeforeMs: 5_001 }, ['crdA']],
  [{ expiresAfterMs: 5_000 }, ['crdB', 'crdC']],
  [{ notBeforeAfterMs: 2_999 }, ['crdB']],
  [{ notBeforeAfterMs: 3_000 }, []],
  [{ notBeforeUntilMs: 2_999 }, ['crdA', 'crdC']],
  [{ notBeforeUntilMs: 3_000 }, ['crdA', 'crdB', 'crdC']],
  [{ tag: 't', apiId: 'api_2' }, ['crdA']],
  [{ tag: 't', state: 'active', kind: 'api_key', principalId: 'prn_1' }, ['crdA']],
  [{ apiId: 'api_2', expiresAfterMs: 6_000 }, ['crdC']],
]

async function idsOf(
  store: Store,
  table: TableName,
  filters: ListFilters,
  workspaceId: string | null = 'ws_1',
): Promise<string[]> {
  const page = await store.list(table, { workspaceId, limit: 1000, cursor: null, filters })
  return page.records.map(({ id }) => id)
}
