import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { damagedKey } from '@credence/core/testing/damaged-key'
import {
  bearer,
  type CredentialBody,
  type IssuedBody,
  issue,
  makeApi,
  type ProblemBody,
  verify,
} from '../../testing/issuing.ts'
import { startTestServer, type TestResponse, type TestServer } from '../../testing/test-server.ts'

let server: TestServer
const SELF = '/v1/credentials/self'

before(async () => {
  server = await startTestServer()
  await makeApi(server, 'orders')
})
after(() => server.close())

function ask<T = CredentialBody & ProblemBody>(
  method: string,
  path: string,
  key: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestResponse<T>> {
  return server.request(method, `${SELF}${path}`, body, { ...bearer(key), ...headers })
}

test('whoever holds a key sees it, without any scope, and without a secret in the answer', async () => {
  const { credential, secret } = await issue(server, { api: 'orders' })
  const shown = await ask('GET', '', secret)
  assert.equal(shown.status, 200, shown.text)
  assert.equal(shown.body.id, credential.id)
  assert.ok(!shown.text.includes(secret.slice(-38)))
  const byHeader = await server.request('GET', SELF, undefined, { authorization: '', 'x-api-key': secret })
  assert.notEqual(byHeader.status, 200, 'an empty Authorization is not a missing one')
})

test('the holder rotates it; the new secret works and the old one ends with the overlap', async () => {
  const { secret } = await issue(server, { api: 'orders' })
  const rotated = await ask<IssuedBody>('POST', '/rotate', secret, { overlap_seconds: 60 })
  assert.equal(rotated.status, 200, rotated.text)
  for (const key of [secret, rotated.body.secret!]) {
    assert.equal((await verify(server, { api: 'orders', credential: key })).code, 'VALID')
  }
})

test('a secret that was rotated away cannot make itself a successor, even during the overlap', async () => {
  const { secret } = await issue(server, { api: 'orders' })
  await ask('POST', '/rotate', secret, { overlap_seconds: 600 })
  const again = await ask('POST', '/rotate', secret, { overlap_seconds: 600 })
  assert.equal(again.status, 409)
  assert.equal(again.body.code, 'CONFLICT')
})

test('the same Idempotency-Key makes one version', async () => {
  const { secret } = await issue(server, { api: 'orders' })
  const headers = { 'idempotency-key': 'self-1' }
  const body = { overlap_seconds: 60 }
  const first = await ask<IssuedBody>('POST', '/rotate', secret, body, headers)
  const second = await ask<IssuedBody>('POST', '/rotate', secret, body, headers)
  assert.equal(second.status, 200, second.text)
  assert.notEqual(first.body.secret, null)
  assert.deepEqual([second.body.secret, second.body.secret_shown], [null, true])
  assert.equal(second.body.credential.versions.length, 2)
})

test('the holder revokes it, and that is the last thing it does', async () => {
  const { secret } = await issue(server, { api: 'orders' })
  const revoked = await ask<{ credential: CredentialBody }>('POST', '/revoke', secret, {
    reason: 'found in a log',
  })
  assert.equal(revoked.status, 200, revoked.text)
  assert.equal(revoked.body.credential.status, 'revoked')
  const after = await ask('GET', '', secret)
  assert.equal(after.status, 401)
  assert.equal(after.body.code, 'REVOKED')
})

test('an old secret still revokes the whole credential: that is always the safe direction', async () => {
  const { secret } = await issue(server, { api: 'orders' })
  const rotated = await ask<IssuedBody>('POST', '/rotate', secret, { overlap_seconds: 600 })
  assert.equal((await ask('POST', '/revoke', secret)).status, 200)
  assert.equal((await verify(server, { api: 'orders', credential: rotated.body.secret })).code, 'REVOKED')
})

test('outside its addresses a key neither shows nor rotates itself, but can be taken back', async () => {
  const conditions = { ip_ranges: ['192.0.2.0/24'] }
  const { secret, credential } = await issue(server, { api: 'orders', conditions })
  for (const [method, path] of [
    ['GET', ''],
    ['POST', '/rotate'],
  ] as const) {
    const refused = await ask(method, path, secret)
    assert.equal(refused.status, 403, refused.text)
    assert.equal(refused.body.code, 'CONDITION_FAILED')
  }
  const decisions = await server.request<{ items: { code: string }[] }>(
    'GET',
    `/v1/decisions?credential=${credential.id}`,
  )
  assert.deepEqual(
    decisions.body.items.map(({ code }) => code),
    ['CONDITION_FAILED', 'CONDITION_FAILED'],
    'each was decided about once',
  )
  assert.equal((await ask('POST', '/revoke', secret)).status, 200)
})

test('methods and paths of a condition are about the API, not about this', async () => {
  const conditions = { methods: ['GET'], paths: ['/orders/**'] }
  const { secret } = await issue(server, { api: 'orders', conditions })
  assert.equal((await ask('POST', '/rotate', secret)).status, 200)
})

test('without a credential, and with one that is unknown, it is 401 with a challenge', async () => {
  const none = await fetch(server.url + SELF)
  assert.equal(none.status, 401)
  assert.equal(none.headers.get('www-authenticate'), 'Bearer realm="credence"')
  const { secret } = await issue(server, { api: 'orders' })
  const wrong = await ask('GET', '', damagedKey(secret))
  assert.equal(wrong.status, 401)
})
