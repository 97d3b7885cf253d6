import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { formatKey, parseKey } from '@credence/core'
import {
  bearer,
  type CredentialBody,
  issue,
  makeApi,
  show,
  type VerdictBody,
  verify,
} from '../../testing/issuing.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

let server: TestServer
let key: string
let credential: CredentialBody

before(async () => {
  server = await startTestServer()
  await makeApi(server, 'orders', { routes: [{ method: 'GET', path: '/x', scopes: 'orders:read' }] })
  ;({ secret: key, credential } = await issue(server, {
    api: 'orders',
    limits: [{ name: 'default', limit: 3, window_seconds: 3600 }],
  }))
})
after(() => server.close())

/** A well-formed key with an id and prefix of one's choosing, whose secret is made up. */
function guess(id: string, prefix = 'crd_live'): string {
  return formatKey(prefix, id, String(crc32(id)).padStart(32, 'A'))
}

const UNKNOWN_ID = 'zzzzzzzzzzzz'

function withoutRequestId(text: string, requestId: string): string {
  return text.replaceAll(requestId, 'ID')
}

test('an id that exists with a wrong secret answers, byte for byte, as one that does not', async () => {
  const parsed = parseKey(key)
  assert.ok(typeof parsed === 'object')
  const answers = []
  const guesses = [
    guess(UNKNOWN_ID),
    guess(credential.id),
    guess(credential.id, 'other'),
    formatKey('other', credential.id, parsed.secret),
  ]
  for (const credential of guesses) {
    const answer = await server.request<VerdictBody>('POST', '/v1/verify', { api: 'orders', credential })
    assert.equal(answer.status, 200)
    assert.equal(answer.body.code, 'NOT_FOUND')
    const headers = [...answer.headers].filter(([name]) => !['date', 'credence-request-id'].includes(name))
    answers.push(JSON.stringify([withoutRequestId(answer.text, answer.body.request_id), headers]))
  }
  assert.equal(new Set(answers).size, 1)
})

test('the same holds where administration is asked with them', async () => {
  const answers = []
  for (const presented of [guess(UNKNOWN_ID), guess(credential.id)]) {
    for (const path of ['/v1/credentials', '/v1/credentials/self']) {
      const answer = await server.request<{ request_id: string }>('GET', path, undefined, bearer(presented))
      assert.equal(answer.status, 401)
      const challenge = answer.headers.get('www-authenticate')
      answers.push(JSON.stringify([withoutRequestId(answer.text, answer.body.request_id), challenge]))
    }
  }
  assert.equal(new Set(answers).size, 1)
})

test('a wrong secret leaves no trace on the credential: no usage, and nothing taken from its limits', async () => {
  const before = await show(server, credential.id)
  for (let n = 0; n < 10; n++) await verify(server, { api: 'orders', credential: guess(credential.id) })
  await server.context.usage.flush()
  assert.deepEqual(await show(server, credential.id), before)
  const verdict = await verify(server, { api: 'orders', credential: key })
  assert.equal(verdict.limits[0]?.remaining, 2)
})

test('a proven secret is counted by verdict, refusals too, before and after a flush', async () => {
  const { secret, credential: counted } = await issue(server, { api: 'orders', principal: 'counted' })
  await verify(server, { api: 'orders', credential: secret })
  const request = { method: 'GET', path: '/x', headers: { 'User-Agent': 'shop/1.0' }, ip: '192.0.2.7' }
  await verify(server, { api: 'orders', credential: secret, request })
  const read = async () => {
    const { usage, versions } = await show(server, counted.id)
    return { by_code: usage.by_code, version: versions[0] }
  }
  const waiting = await read()
  assert.deepEqual(waiting.by_code, { VALID: 1, INSUFFICIENT_SCOPE: 1 })
  const { uses, last_ip, last_user_agent } = waiting.version as unknown as Record<string, unknown>
  assert.deepEqual(
    { uses, last_ip, last_user_agent },
    { uses: 2, last_ip: '192.0.2.7', last_user_agent: 'shop/1.0' },
  )
  await server.context.usage.flush()
  assert.deepEqual(await read(), waiting)
})

test('the operator tells them apart: decisions hold the exact code', async () => {
  const codes = []
  for (const presented of [guess(UNKNOWN_ID), guess(credential.id)]) {
    const { request_id } = await verify(server, { api: 'orders', credential: presented })
    const why = await server.request<{ code: string }>('GET', `/v1/decisions/${request_id}`)
    codes.push(why.body.code)
    assert.ok(!why.text.includes(presented.slice(-38)), 'what was presented is in no decision')
  }
  assert.deepEqual(codes, ['NOT_FOUND', 'BAD_SECRET'])
})
