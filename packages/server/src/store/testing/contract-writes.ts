import assert from 'node:assert/strict'
import type { Conflict, IdempotencyEntry, Store, Write } from '../port.ts'
import type { Check } from './contract-check.ts'
import {
  aCredential,
  anApi,
  anIssuer,
  aPrincipal,
  aRole,
  aWorkspace,
  aWrite,
  commitPuts,
  put,
  seed,
} from './contract-records.ts'

/** What must hold of writes. */
export const WRITE_CHECKS: readonly Check[] = [
  {
    name: 'a write replaces a row only at the revision it was read at',
    async run(store) {
      await seed(store)
      await commitPuts(store, put('api', anApi('api_1', { revision: 2, basePath: '/two' })))
      const stale = [2, 4, 9].map((revision) => anApi('api_1', { revision, basePath: '/lost' }))
      for (const record of stale) {
        await refused(store, { puts: [put('api', record)] }, { type: 'revision', table: 'api', id: 'api_1' })
      }
      assert.equal((await store.read('api', 'api_1'))?.basePath, '/two')
    },
  },
  {
    name: 'of many writers at the same revision exactly one succeeds',
    async run(store) {
      await seed(store)
      const racers = Array.from({ length: 20 }, (_, i) =>
        store.commit(aWrite({ puts: [put('api', anApi('api_1', { revision: 2, keyPrefix: `p${i}` }))] })),
      )
      const results = await Promise.all(racers)
      const winner = results.findIndex(({ ok }) => ok)
      assert.equal(results.filter(({ ok }) => ok).length, 1)
      assert.equal((await store.read('api', 'api_1'))?.keyPrefix, `p${winner}`)
    },
  },
  {
    name: 'a new row needs a new id',
    async run(store) {
      await seed(store)
      const again = put('principal', aPrincipal('prn_1', { name: 'another' }))
      await refused(store, { puts: [again] }, { type: 'revision', table: 'principal', id: 'prn_1' })
    },
  },
  {
    name: 'a row cannot be written from another workspace, and keeps when it was made',
    async run(store) {
      await seed(store)
      const stolen = put('principal', aPrincipal('prn_1', { workspaceId: 'ws_2', revision: 2 }))
      await refused(store, { puts: [stolen] }, { type: 'revision', table: 'principal', id: 'prn_1' })
      await commitPuts(
        store,
        put('principal', aPrincipal('prn_1', { revision: 2, createdAtMs: 5, owner: 'ops' })),
      )
      assert.deepEqual(
        await store.read('principal', 'prn_1'),
        aPrincipal('prn_1', { revision: 2, owner: 'ops' }),
      )
    },
  },
  {
    name: 'a refused write leaves nothing behind, whichever part refuses it',
    async run(store) {
      await seed(store)
      const entry = anEntry('key-1')
      const parts = {
        puts: [
          put('principal', aPrincipal('prn_9')),
          put('credential', aCredential('crd9', { principalId: 'prn_9' })),
        ],
        settings: [{ name: 'fingerprint', value: 'f' }],
        idempotency: entry,
      }
      const before = await store.position()
      const failing: [Partial<Write>, Conflict][] = [
        [
          { expects: [{ table: 'api', id: 'api_1', revision: 7 }] },
          { type: 'revision', table: 'api', id: 'api_1' },
        ],
        [
          { deletes: [{ table: 'api', id: 'api_0', revision: 1 }] },
          { type: 'revision', table: 'api', id: 'api_0' },
        ],
        [
          { deletes: [{ table: 'workspace', id: 'ws_1', revision: 1 }] },
          { type: 'in_use', table: 'workspace', id: 'ws_1' },
        ],
        [
          { puts: [...parts.puts, put('api', anApi('api_2', { name: 'api_1' }))] },
          { type: 'taken', table: 'api', field: 'name' },
        ],
      ]
      for (const [part, conflict] of failing) await refused(store, { ...parts, ...part }, conflict)
      assert.equal(await store.read('principal', 'prn_9'), undefined)
      assert.equal(await store.read('credential', 'crd9'), undefined)
      assert.equal(await store.readSetting('fingerprint'), undefined)
      assert.equal(await store.readIdempotency(entry.scope, entry.key), undefined)
      assert.equal(await store.position(), before)
      assert.equal((await store.listAudit('ws_1', { limit: 10, before: null })).length, 1)
      assert.equal((await store.commit(aWrite(parts))).ok, true)
      assert.deepEqual(await store.read('credential', 'crd9'), aCredential('crd9', { principalId: 'prn_9' }))
    },
  },
  {
    name: 'a write goes through only while the rows it expects stand at their revisions',
    async run(store) {
      await seed(store)
      const guarded = {
        puts: [put('role', aRole('rol_1'))],
        expects: [{ table: 'principal' as const, id: 'prn_1', revision: 1 }],
      }
      await commitPuts(store, put('principal', aPrincipal('prn_1', { revision: 2 })))
      await refused(store, guarded, { type: 'revision', table: 'principal', id: 'prn_1' })
      const now = { ...guarded, expects: [{ table: 'principal' as const, id: 'prn_1', revision: 2 }] }
      assert.equal((await store.commit(aWrite(now))).ok, true)
    },
  },
  {
    name: 'names are unique in a workspace, audiences too, workspace names in the installation',
    async run(store) {
      await seed(store)
      await commitPuts(store, put('role', aRole('rol_1')), put('issuer', anIssuer('iss_1')))
      const twins: [Write['puts'][number], string][] = [
        [put('workspace', aWorkspace('ws_3', { name: aWorkspace('ws_1').name })), 'name'],
        [put('api', anApi('api_2', { name: 'api_1' })), 'name'],
        [put('api', anApi('api_2', { audience: 'https://api_1.example' })), 'audience'],
        [put('role', aRole('rol_2', { name: 'rol_1' })), 'name'],
        [put('issuer', anIssuer('iss_2', { name: 'iss_1' })), 'name'],
        [put('issuer', anIssuer('iss_2', { issuer: 'https://iss_1.example' })), 'audience'],
        [put('principal', aPrincipal('prn_2', { name: 'prn_1' })), 'name'],
      ]
      for (const [twin, field] of twins) {
        await refused(store, { puts: [twin] }, { type: 'taken', table: twin.table, field })
      }
      await commitPuts(store, put('principal', aPrincipal('prn_2', { externalId: 'cus_1' })))
      const renamed = put('principal', aPrincipal('prn_2', { name: 'prn_1', revision: 2 }))
      await refused(store, { puts: [renamed] }, { type: 'taken', table: 'principal', field: 'name' })
      const elsewhere = { workspaceId: 'ws_2', name: 'prn_1', externalId: 'cus_1' }
      await commitPuts(store, put('principal', aPrincipal('prn_3', elsewhere)))
      await commitPuts(store, put('principal', aPrincipal('prn_4', { externalId: 'cus_1' })))
      assert.equal((await store.readByName('principal', 'ws_2', 'prn_1'))?.id, 'prn_3')
      assert.equal((await store.readByName('principal', 'ws_1', 'prn_1'))?.id, 'prn_1')
      assert.equal((await store.readByName('workspace', null, aWorkspace('ws_2').name))?.id, 'ws_2')
      assert.equal(await store.readByName('role', 'ws_2', 'rol_1'), undefined)
    },
  },
  {
    name: 'of a kind, a handle is that of one credential in a workspace, until that is revoked',
    async run(store) {
      await seed(store)
      const alice = { kind: 'basic', handle: 'alice' } as const
      await commitPuts(store, put('credential', aCredential('crd1', alice)))
      const twin = put('credential', aCredential('crd2', alice))
      await refused(store, { puts: [twin] }, { type: 'taken', table: 'credential', field: 'handle' })
      await commitPuts(
        store,
        put('credential', aCredential('crd3', { ...alice, kind: 'access_token' })),
        put('credential', aCredential('crd4')),
        put('credential', aCredential('crd5')),
        put('principal', aPrincipal('prn_2', { workspaceId: 'ws_2' })),
        put('credential', aCredential('crd6', { ...alice, workspaceId: 'ws_2', principalId: 'prn_2' })),
      )
      assert.equal((await store.readByHandle('ws_1', 'basic', 'alice'))?.id, 'crd1')
      assert.equal((await store.readByHandle('ws_2', 'basic', 'alice'))?.id, 'crd6')
      assert.equal(await store.readByHandle('ws_1', 'basic', 'bob'), undefined)
      assert.equal(await store.readByHandle('ws_1', 'api_key', 'alice'), undefined)

      const revoked = aCredential('crd1', { ...alice, state: 'revoked', revision: 2 })
      await commitPuts(store, put('credential', revoked))
      assert.equal(await store.readByHandle('ws_1', 'basic', 'alice'), undefined)
      await commitPuts(store, twin)
      assert.deepEqual(await store.readByHandle('ws_1', 'basic', 'alice'), aCredential('crd2', alice))
      const back = put('credential', aCredential('crd1', { ...alice, revision: 3 }))
      await refused(store, { puts: [back] }, { type: 'taken', table: 'credential', field: 'handle' })
    },
  },
  {
    name: 'one place at the gateway has one API, over all workspaces, and only APIs with an upstream have a place',
    async run(store) {
      await seed(store)
      const mounted = { upstream: 'http://127.0.0.1:9000', basePath: '/shop' }
      await commitPuts(
        store,
        put('api', anApi('api_2', mounted)),
        put('api', anApi('api_3', { basePath: '/shop' })),
      )
      const other = put('api', anApi('api_4', { ...mounted, workspaceId: 'ws_2' }))
      await refused(store, { puts: [other] }, { type: 'taken', table: 'api', field: 'basePath' })
      await commitPuts(store, put('api', anApi('api_4', { ...mounted, host: 'shop.example' })))
    },
  },
  {
    name: 'what a row refers to must exist in its workspace',
    async run(store) {
      await seed(store)
      const grants = [{ apiId: 'api_1', scopes: [], roleIds: [] }]
      await commitPuts(store, put('principal', aPrincipal('prn_2', { workspaceId: 'ws_2' })))
      const orphans: [Write['puts'][number], Conflict][] = [
        [put('credential', aCredential('crd1', { principalId: 'prn_2' })), missing('principal', 'prn_2')],
        [put('credential', aCredential('crd1', { principalId: 'prn_0' })), missing('principal', 'prn_0')],
        [
          put('credential', aCredential('crd1', { workspaceId: 'ws_2', principalId: 'prn_2', grants })),
          missing('api', 'api_1'),
        ],
        [put('role', aRole('rol_1', { apiId: 'api_0' })), missing('api', 'api_0')],
        [put('issuer', anIssuer('iss_1', { apiId: 'api_0' })), missing('api', 'api_0')],
        [put('issuer', anIssuer('iss_1', { workspaceId: 'ws_2' })), missing('api', 'api_1')],
        [put('role', aRole('rol_1', { workspaceId: 'ws_2' })), missing('api', 'api_1')],
        [put('api', anApi('api_2', { workspaceId: 'ws_0' })), missing('workspace', 'ws_0')],
      ]
      for (const [orphan, conflict] of orphans) await refused(store, { puts: [orphan] }, conflict)
    },
  },
  {
    name: 'a row that others refer to is not deleted; its last reference and it may go together',
    async run(store) {
      await seed(store)
      const grants = [{ apiId: 'api_1', scopes: ['a'], roleIds: [] }]
      await commitPuts(store, put('credential', aCredential('crd1', { grants, tags: ['t'] })))
      for (const [table, id] of [
        ['principal', 'prn_1'],
        ['api', 'api_1'],
        ['workspace', 'ws_1'],
      ] as const) {
        await refused(store, { deletes: [{ table, id, revision: 1 }] }, { type: 'in_use', table, id })
      }
      const freed = put('credential', aCredential('crd1', { revision: 2 }))
      const api = { table: 'api', id: 'api_1', revision: 1 } as const
      assert.equal((await store.commit(aWrite({ puts: [freed], deletes: [api] }))).ok, true)
      const both = [
        { table: 'principal', id: 'prn_1', revision: 1 },
        { table: 'credential', id: 'crd1', revision: 2 },
      ] as const
      await refused(
        store,
        { deletes: [{ ...both[1], revision: 1 }] },
        { type: 'revision', table: 'credential', id: 'crd1' },
      )
      assert.equal((await store.commit(aWrite({ deletes: both }))).ok, true)
      for (const { table, id } of [api, ...both]) assert.equal(await store.read(table, id), undefined)
    },
  },
  {
    name: 'an idempotency key leads to one write, and is forgotten only by age',
    async run(store) {
      await seed(store)
      const racers = Array.from({ length: 10 }, (_, i) =>
        store.commit(
          aWrite({ puts: [put('role', aRole(`rol_${i}`))], idempotency: anEntry('key-1', `rol_${i}`) }),
        ),
      )
      const results = await Promise.all(racers)
      const lost = results.filter((result) => !result.ok)
      assert.equal(lost.length, 9)
      for (const result of lost) assert.deepEqual(result, { ok: false, conflict: { type: 'idempotency' } })
      const made = (await store.list('role', { workspaceId: 'ws_1', limit: 100, cursor: null, filters: {} }))
        .records
      assert.deepEqual(await store.readIdempotency('ws_1/crd1', 'key-1'), anEntry('key-1', made[0]!.id))
      assert.equal(made.length, 1)
      await store.commit(aWrite({ idempotency: { ...anEntry('key-2'), createdAtMs: 9_000 } }))
      await store.forgetIdempotencyBefore(9_000)
      assert.equal(await store.readIdempotency('ws_1/crd1', 'key-1'), undefined)
      assert.equal((await store.readIdempotency('ws_1/crd1', 'key-2'))?.status, 201)
      assert.equal(await store.readIdempotency('ws_2/crd1', 'key-2'), undefined)
    },
  },
  {
    name: 'a setting is made once and never changed',
    async run(store) {
      await seed(store)
      const set = (value: string) => ({ settings: [{ name: 'keyring.fingerprint', value }] })
      assert.equal((await store.commit(aWrite(set('first')))).ok, true)
      await refused(store, set('second'), { type: 'setting', name: 'keyring.fingerprint' })
      assert.equal(await store.readSetting('keyring.fingerprint'), 'first')
      assert.equal(await store.readSetting('absent'), undefined)
    },
  },
]

function missing(table: 'principal' | 'api' | 'workspace', id: string): Conflict {
  return { type: 'revision', table, id }
}

function anEntry(key: string, id = 'crd9'): IdempotencyEntry {
  const request = { scope: 'ws_1/crd1', key, requestDigest: 'd1' }
  return { ...request, table: 'credential', id, status: 201, createdAtMs: 1_000 }
}

async function refused(store: Store, write: Partial<Write>, conflict: Conflict): Promise<void> {
  assert.deepEqual(await store.commit(aWrite(write)), { ok: false, conflict })
}
