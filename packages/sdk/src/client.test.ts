import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { keyWith } from '@credence/server/testing/admin-keys'
import { startTestServer, type TestServer } from '@credence/server/testing/test-server'
import { createClient } from './client.ts'
import { CALLS } from './testing/operation-calls.ts'
import { answering, clientOn, collected, errorOf, KEY } from './testing/scripted-fetch.ts'
import type { Fetch } from './transport.ts'

interface DocumentedOperation {
  readonly operationId: string
  readonly parameters?: readonly { readonly in: string; readonly name: string }[]
  readonly requestBody?: unknown
}

describe('the client against the OpenAPI document', () => {
  let server: TestServer
  const operations = new Map<
    string,
    DocumentedOperation & { readonly method: string; readonly path: string }
  >()
  before(async () => {
    server = await startTestServer()
    const { body } = await server.request<{ paths: Record<string, Record<string, DocumentedOperation>> }>(
      'GET',
      '/openapi.json',
    )
    for (const [path, methods] of Object.entries(body.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        operations.set(operation.operationId, { ...operation, method: method.toUpperCase(), path })
      }
    }
  })
  after(() => server.close())

  it('has a method for every operation that the server has, and for no other', () => {
    assert.deepEqual(Object.keys(CALLS).sort(), [...operations.keys()].sort())
  })

  it('asks each with its method, path and body, and an Idempotency-Key where it takes one', async () => {
    for (const [id, call] of Object.entries(CALLS)) {
      const fetch = answering(() => Response.json({ items: [], next_cursor: null }))
      await call(clientOn(fetch).client)
      const { method, path, parameters = [], requestBody } = operations.get(id)!
      const [asked] = fetch.asked
      assert.equal(fetch.asked.length, 1, id)
      const filled = path.replace('{version}', '2').replace(/\{\w+\}/, 'P1')
      assert.deepEqual([asked?.method, asked?.url.pathname], [method, filled], id)
      assert.equal(asked?.body !== undefined, requestBody !== undefined, id)
      const isRepeatable = parameters.some(({ name }) => name === 'idempotency-key')
      assert.equal(asked?.headers.has('idempotency-key'), isRepeatable, id)
      assert.equal(asked?.headers.get('authorization'), `Bearer ${KEY}`)
    }
  })

  it('administers a real server: an API, a key for it, its rotation and end', async () => {
    const client = createClient({ url: server.url, key: server.adminKey })
    assert.equal(client.lastRevision, null)
    const api = await client.apis.create({
      ...{ name: 'orders', audience: 'https://orders.example', scopes: ['orders:read'] },
    })
    assert.ok(client.lastRevision! > 0)
    const issued = await client.credentials.issue({
      ...{ kind: 'api_key', principal: 'billing', external_id: 'cus_42' },
      ...{ api: api.name, scopes: ['orders:read'] },
    })
    const verdict = await client.verify({
      api: 'orders',
      credential: issued.secret!,
      at_least: client.lastRevision!,
    })
    assert.equal(verdict.principal?.external_id, 'cus_42')
    const { id } = issued.credential
    const rotated = await client.credentials.rotate(id, { overlap_seconds: 60 })
    assert.equal(rotated.credential.versions.length, 2)
    const own = createClient({ url: server.url, key: rotated.secret! })
    assert.equal((await own.self.show()).id, id)
    const changed = await client.credentials.update(
      id,
      { name: 'nightly' },
      { revision: rotated.credential.revision },
    )
    assert.equal(changed.name, 'nightly')
    const stale = await errorOf(client.credentials.update(id, { name: 'x' }, { revision: 1 }))
    assert.deepEqual([stale.code, stale.status], ['PRECONDITION_FAILED', 412])
    const { propagation } = await client.credentials.revoke(id, { reason: 'test' })
    assert.equal(propagation.confirmed, propagation.nodes)
    assert.equal(await client.credentials.delete(id), null)
    assert.equal((await client.decisions.list({ api: 'orders' }).page()).items[0]?.code, 'VALID')
  })

  it('goes through a list page by page, and no further than it is read', async () => {
    const client = createClient({ url: server.url, key: server.adminKey })
    for (let n = 0; n < 7; n += 1) await client.principals.create({ name: `reader-${n}`, type: 'user' })
    const all = await collected(client.principals.list({ limit: 3, type: 'user' }))
    assert.equal(new Set(all.map(({ name }) => name)).size, 7)
    let requests = 0
    const counting: Fetch = (...args) => {
      requests += 1
      return fetch(...args)
    }
    const counted = createClient({ url: server.url, key: server.adminKey, fetch: counting })
    for await (const { name } of counted.principals.list({ limit: 3, type: 'user' })) {
      if (name === 'reader-3') break
    }
    assert.equal(requests, 2, 'newest first, three on a page: 3 stands on the second')
    const page = await client.principals.list({ limit: 3, type: 'user' }).page()
    assert.equal(page.items.length, 3)
    const rest = client.principals.list({ limit: 3, type: 'user', cursor: page.next_cursor! })
    assert.equal((await collected(rest)).length, 4)
  })

  it('a repetition with the same key makes no second credential, and does not show the secret again', async () => {
    const client = createClient({ url: server.url, key: server.adminKey })
    const body = { kind: 'api_key', api: 'orders', principal: 'billing', scopes: ['orders:read'] } as const
    const first = await client.credentials.issue(body, { idempotencyKey: 'one' })
    const second = await client.credentials.issue(body, { idempotencyKey: 'one' })
    assert.equal(second.credential.id, first.credential.id)
    assert.deepEqual([second.secret, second.secret_shown], [null, true])
  })

  it('what the server refuses is an error with the members of its problem', async () => {
    const { authorization } = await keyWith(server, 'apis:read')
    const reader = createClient({ url: server.url, key: authorization.slice('Bearer '.length) })
    const refused = await errorOf(reader.roles.list().page())
    assert.deepEqual(
      [refused.code, refused.status, refused.required],
      ['INSUFFICIENT_SCOPE', 403, 'roles:read'],
    )
    assert.match(refused.request_id ?? '', /^r\w{11}$/)
    const client = createClient({ url: server.url, key: server.adminKey })
    const wrong = await errorOf(client.apis.create({ name: 'No Name', audience: 'x' }))
    assert.equal(wrong.code, 'VALIDATION_FAILED')
    assert.ok(wrong.errors.some(({ field }) => field === 'name'))
    assert.match(
      wrong.message,
      /^Some fields are not valid: .*name: must be.*\(VALIDATION_FAILED, request r\w{11}\)$/,
    )
    const missing = await errorOf(client.apis.show('nothing'))
    assert.deepEqual([missing.code, missing.type], ['RESOURCE_NOT_FOUND', '/problems/resource-not-found'])
  })
})
