import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { CURRENT_COST, digestPassword, openDigest, parseKey, sealDigest } from '@credence/core'
import { quickArgon2id } from '@credence/core/testing/installed-passwords'
import { eventually } from '../../testing/eventually.ts'
import {
  fieldsOf,
  makeApi,
  type ProblemBody,
  tryIssue,
  type VerdictBody,
  verify,
} from '../../testing/issuing.ts'
import { putRecords } from '../../testing/protected-api.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

const PASSWORD = 'hurdle vex quib gnaw'
const OTHER_PASSWORD = 'tundra lobster quill mast'

let server: TestServer
let nowMs = Date.UTC(2027, 0, 4, 12)
before(async () => {
  // Who hashes when is not the matter here; that passwords are slow is password-digest's.
  server = await startTestServer({
    ...{ clock: () => nowMs, config: { leaseMs: 600_000 }, argon2id: quickArgon2id },
  })
  await makeApi(server, 'orders', { accepts: ['api_key', 'basic', 'client_secret'] })
  await makeApi(server, 'invoices')
})
after(() => server.close())

interface Issued {
  readonly credential: {
    readonly id: string
    readonly kind: string
    readonly key_prefix: string
    readonly username: string | null
    readonly client_id: string | null
    readonly principal: { readonly id: string }
    readonly versions: readonly { readonly version: number; readonly status: string }[]
  }
  readonly secret: string | null
  readonly secret_shown: boolean
}

async function issueBasic(username: string, more: Readonly<Record<string, unknown>> = {}): Promise<Issued> {
  const made = await tryIssue(server, { kind: 'basic', api: 'orders', username, ...more })
  assert.equal(made.status, 201, made.text)
  return made.body as unknown as Issued
}

function asked(first: string, second: string, ip = '192.0.2.7', secure = true) {
  const token = Buffer.from(`${first}:${second}`).toString('base64')
  return { api: 'orders', request: { ip, secure, headers: { Authorization: `Basic ${token}` } } }
}

const codeOf = async (...given: Parameters<typeof asked>) => (await verify(server, asked(...given))).code

function rotate(id: string, body: Readonly<Record<string, unknown>> = {}, headers = {}) {
  return server.request<Issued & ProblemBody>('POST', `/v1/credentials/${id}/rotate`, body, headers)
}

describe('a username with a password', () => {
  test('is issued with a generated password, shown once, and lets in over TLS alone', async () => {
    const { credential, secret } = await issueBasic('nightly')
    assert.deepEqual(
      [credential.kind, credential.username, credential.client_id, credential.key_prefix],
      ['basic', 'nightly', null, ''],
    )
    assert.match(secret ?? '', /^[0-9a-z]{6}(-[0-9a-z]{6}){3}$/)
    assert.equal(await codeOf('nightly', secret!), 'VALID')
    assert.equal(await codeOf('nightly', secret!, undefined, false), 'TLS_REQUIRED')
    const shown = await server.request('GET', `/v1/credentials/${credential.id}`)
    assert.ok(!shown.text.includes(secret!))
    assert.equal((shown.body as unknown as Issued['credential']).username, 'nightly')
  })

  test('is issued with a password that was chosen, which is not said again', async () => {
    const made = await issueBasic('chosen', { password: PASSWORD })
    assert.deepEqual([made.secret, made.secret_shown], [null, false])
    assert.equal(await codeOf('chosen', PASSWORD), 'VALID')
  })

  test('is unique in its workspace, in whatever form it is written, until it is revoked', async () => {
    const first = await issueBasic('zoë')
    const again = await tryIssue(server, { kind: 'basic', api: 'orders', username: 'zoë'.normalize('NFD') })
    assert.equal(again.status, 409)
    assert.equal(again.body.code, 'CONFLICT')
    assert.deepEqual(again.body.errors, [{ field: 'username', detail: 'is taken' }])
    await server.request('POST', `/v1/credentials/${first.credential.id}/revoke`, {})
    const second = await issueBasic('zoë')
    assert.equal(await codeOf('zoë', second.secret!), 'VALID')
    assert.equal(await codeOf('zoë', first.secret!, '192.0.2.8'), 'NOT_FOUND')
  })

  test('is refused, field by field, where it is none', async () => {
    for (const [body, fields] of [
      [{}, ['username']],
      [{ username: 'cli_ab' }, ['username']],
      [{ username: 'a:b' }, ['username']],
      [{ username: 'a b' }, ['username']],
      [{ username: '' }, ['username']],
      [{ username: 'x'.repeat(129) }, ['username']],
      [{ username: 'ok', password: 'short' }, ['password']],
      [{ username: 'ok', password: 'passwordpassword' }, ['password']],
      [{ username: 'ok', password: 'iloveyou123456789' }, ['password']],
      [{ username: 'ok', password: `${'x'.repeat(100)}${'y'.repeat(200)}` }, ['password']],
      [{ username: 'nightly-export', password: 'nightly-export-1' }, ['password']],
      [{ username: 'ok', password: '' }, ['password']],
      [{ username: 'a:b', password: 'short' }, ['username', 'password']],
      [{ username: 'ok', api: 'credence', scopes: ['*'] }, ['api']],
      [{ username: 'ok', password: 5 }, ['password']],
    ] as const) {
      const refused = await tryIssue(server, { kind: 'basic', api: 'orders', ...body })
      assert.deepEqual(fieldsOf(refused), fields, JSON.stringify(body))
      const password = 'password' in body ? String(body.password) : ''
      assert.ok(password.length < 5 || !refused.text.includes(password), 'no password is quoted')
    }
    for (const kind of ['api_key', 'client_secret']) {
      const refused = await tryIssue(server, { kind, api: 'orders', username: 'ok', password: PASSWORD })
      assert.deepEqual(fieldsOf(refused), ['username', 'password'])
      assert.ok(!refused.text.includes(PASSWORD))
    }
  })

  test('is rotated with a chosen or a generated password; the one before goes on for the overlap', async () => {
    const { credential } = await issueBasic('rotated', { password: PASSWORD })
    const chosen = await rotate(credential.id, { password: OTHER_PASSWORD, overlap_seconds: 600 })
    assert.deepEqual([chosen.status, chosen.body.secret], [200, null])
    assert.equal(await codeOf('rotated', PASSWORD), 'VALID')
    assert.equal(await codeOf('rotated', OTHER_PASSWORD), 'VALID')
    const generated = await rotate(credential.id)
    assert.equal(await codeOf('rotated', generated.body.secret!), 'VALID')
    for (const over of [PASSWORD, OTHER_PASSWORD]) assert.equal(await codeOf('rotated', over), 'EXPIRED')
  })

  test('is not rotated to a bad password, nor to one that it has or had, nor is a key to any', async () => {
    const { credential } = await issueBasic('steady', { password: PASSWORD })
    assert.deepEqual(fieldsOf(await rotate(credential.id, { password: 'short' })), ['password'])
    assert.deepEqual(fieldsOf(await rotate(credential.id, { password: PASSWORD })), ['password'])
    await rotate(credential.id, { password: OTHER_PASSWORD })
    assert.deepEqual(fieldsOf(await rotate(credential.id, { password: PASSWORD })), ['password'])
    const key = await tryIssue(server, { api: 'orders' })
    const refused = await rotate(key.body.credential.id, { password: PASSWORD })
    assert.deepEqual(fieldsOf(refused), ['password'])
    assert.equal(await codeOf('steady', OTHER_PASSWORD), 'VALID')
  })

  test('is made once for an Idempotency-Key, whose record tells nothing that a password could be guessed from', async () => {
    const headers = { 'idempotency-key': 'once' }
    const body = { kind: 'basic', api: 'orders', username: 'once', password: PASSWORD }
    const first = await tryIssue(server, body, headers)
    const second = await tryIssue(server, body, headers)
    assert.deepEqual([first.status, first.body.secret_shown], [201, false])
    assert.deepEqual([second.status, second.body.secret, second.body.secret_shown], [201, null, true])
    assert.equal(second.body.credential.id, first.body.credential.id)
    const other = await tryIssue(server, { ...body, password: OTHER_PASSWORD }, headers)
    assert.equal(other.body.code, 'IDEMPOTENCY_MISMATCH')
    const { store, defaultWorkspaceId } = server.context
    const adminKey = parseKey(server.adminKey)
    assert.ok(typeof adminKey === 'object')
    const entry = await store.readIdempotency(`${defaultWorkspaceId}/${adminKey.id}`, 'once')
    const sent = JSON.stringify({ principal: 'billing', ...body })
    const plain = createHash('sha256').update('POST /v1/credentials\n').update(sent).digest('base64url')
    assert.equal(typeof entry?.requestDigest, 'string')
    assert.notEqual(entry?.requestDigest, plain)
  })

  test('is in no trail and no decision, and its use is counted like that of a key', async () => {
    const { credential } = await issueBasic('trailed', { password: PASSWORD })
    await codeOf('trailed', PASSWORD)
    await rotate(credential.id, { password: OTHER_PASSWORD })
    const trail = await server.request('GET', '/v1/audit')
    const decisions = await server.request('GET', '/v1/decisions')
    const token = Buffer.from(`trailed:${PASSWORD}`).toString('base64')
    for (const { text } of [trail, decisions]) {
      for (const secret of [PASSWORD, OTHER_PASSWORD, token]) assert.ok(!text.includes(secret))
    }
    await server.context.usage.flush()
    const shown = await server.request<{ usage: { by_code: object } }>(
      'GET',
      `/v1/credentials/${credential.id}`,
    )
    assert.deepEqual(shown.body.usage.by_code, { VALID: 1 })
  })

  test('that is guessed at makes the guesser wait, and says how long; a new password ends the row', async () => {
    const { credential } = await issueBasic('guessed', { password: PASSWORD })
    const from = (n: number) => `198.51.100.${n}`
    const answers: VerdictBody[] = []
    for (let n = 0; n < 7; n += 1)
      answers.push(await verify(server, asked('guessed', `wrong password ${n}`, from(1))))
    const last = answers.at(-1)!
    assert.deepEqual(
      answers.map(({ code }) => code),
      [...Array(5).fill('NOT_FOUND'), 'LOCKED_OUT', 'LOCKED_OUT'],
    )
    assert.deepEqual(
      [last.status, last.retry_after_seconds, last.challenge, last.credential],
      [429, 1, null, null],
    )
    assert.match(
      answers[0]!.challenge ?? '',
      /^Bearer realm="orders", error=.*, Basic realm="orders", charset="UTF-8"$/,
    )
    // A hundred in a row, from wherever: then one a day, for those who are not known.
    for (let n = 0; n < 100; n += 1) {
      nowMs += 3_600_000
      await codeOf('guessed', `wrong password ${n}`, from(n))
    }
    nowMs += 3_600_000
    assert.equal(await codeOf('guessed', PASSWORD, '203.0.113.1'), 'LOCKED_OUT')
    await rotate(credential.id, { password: OTHER_PASSWORD })
    assert.equal(await codeOf('guessed', OTHER_PASSWORD, '203.0.113.1'), 'VALID')
  })

  test('is refused where the API does not say that it takes it', async () => {
    await issueBasic('elsewhere', { api: 'invoices', password: PASSWORD })
    const verdict = await verify(server, { ...asked('elsewhere', PASSWORD), api: 'invoices' })
    assert.equal(verdict.code, 'KIND_NOT_ACCEPTED')
    const token = Buffer.from(`elsewhere:${PASSWORD}`).toString('base64')
    const headers = { authorization: `Basic ${token}` }
    const administration = await server.request<ProblemBody>(
      'GET',
      '/v1/credentials/self',
      undefined,
      headers,
    )
    assert.deepEqual([administration.status, administration.body.code], [401, 'KIND_NOT_ACCEPTED'])
  })

  test('whose digest is of an older cost gets a new one when its password comes by, audited as the host', async () => {
    const { credential } = await issueBasic('aged', { password: PASSWORD })
    const { store, sealingKeys, randomBytes } = server.context
    const record = (await store.read('credential', credential.id))!
    const cheap = { ...CURRENT_COST, memoryKib: 1024 }
    const digest = await digestPassword(PASSWORD, null, randomBytes, quickArgon2id)
    const nonce = Buffer.from(digest.toString().split('$')[4]!, 'base64')
    const tag = Buffer.from(await quickArgon2id(Buffer.from(PASSWORD), nonce, cheap, 32))
    const bare = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')
    const phc = Buffer.from(`$argon2id$v=19$m=1024,t=2,p=1$${bare(nonce)}$${bare(tag)}`)
    const place = {
      workspaceId: record.workspaceId,
      kind: 'basic',
      credentialId: record.id,
      version: 1,
    } as const
    const sealedDigest = sealDigest(phc, place, sealingKeys, randomBytes)
    const aged = {
      ...record,
      revision: record.revision + 1,
      versions: [{ ...record.versions[0]!, sealedDigest }],
    }
    await putRecords(server.context, [{ table: 'credential', record: aged }])
    assert.equal(await codeOf('aged', 'wrong password 0'), 'NOT_FOUND')
    assert.equal(
      (await store.read('credential', record.id))!.revision,
      aged.revision,
      'a wrong one renews nothing',
    )
    assert.equal(await codeOf('aged', PASSWORD), 'VALID')
    await eventually(
      'the digest is renewed',
      async () => (await store.read('credential', record.id))!.revision > aged.revision,
    )
    const renewed = (await store.read('credential', record.id))!
    const opened = openDigest(renewed.versions[0]!.sealedDigest, place, sealingKeys)?.toString()
    assert.match(opened ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    assert.equal(await codeOf('aged', PASSWORD), 'VALID')
    const trail = await server.request<{ items: { action: string; actor: unknown }[] }>('GET', '/v1/audit')
    const entry = trail.body.items.find(({ action }) => action === 'credential.renew_digest')
    assert.ok(entry !== undefined)
  })
})

describe('a client id with a secret', () => {
  async function issueClient(principal: string): Promise<Issued> {
    const made = await tryIssue(server, { kind: 'client_secret', api: 'orders', principal })
    assert.equal(made.status, 201, made.text)
    return made.body as unknown as Issued
  }

  test('is issued, one client id for all secrets of a principal, each with a form of its own', async () => {
    const [one, two, other] = [
      await issueClient('shop'),
      await issueClient('shop'),
      await issueClient('till'),
    ]
    assert.match(one.credential.client_id ?? '', /^cli_[0-9A-Za-z]+$/)
    assert.equal(two.credential.client_id, one.credential.client_id)
    assert.notEqual(other.credential.client_id, one.credential.client_id)
    assert.match(one.secret ?? '', /^crd_live_cs_[0-9A-Za-z]{50}$/)
    assert.deepEqual([one.credential.key_prefix, one.credential.username], ['crd_live_cs', null])
    for (const { secret } of [one, two]) {
      assert.equal(await codeOf(one.credential.client_id!, secret!), 'VALID')
      assert.equal(await codeOf(other.credential.client_id!, secret!), 'NOT_FOUND')
      assert.equal(await codeOf(one.credential.client_id!, secret!, undefined, false), 'TLS_REQUIRED')
      const bare = await verify(server, { api: 'orders', credential: secret })
      assert.equal(bare.code, 'MALFORMED')
      assert.match(bare.detail ?? '', /client id/)
    }
  })

  test('is rotated with an overlap, and its versions taken back one by one', async () => {
    const { credential, secret } = await issueClient('rotating')
    const next = await rotate(credential.id, { overlap_seconds: 600 })
    const clientId = credential.client_id!
    for (const each of [secret, next.body.secret]) assert.equal(await codeOf(clientId, each!), 'VALID')
    await server.request('POST', `/v1/credentials/${credential.id}/versions/1/revoke`, {})
    assert.equal(await codeOf(clientId, secret!), 'REVOKED')
    assert.equal(await codeOf(clientId, next.body.secret!), 'VALID')
  })

  test('is no way into administration', async () => {
    const { credential, secret } = await issueClient('admin-client')
    const authorization = `Basic ${Buffer.from(`${credential.client_id}:${secret}`).toString('base64')}`
    for (const path of ['/v1/credentials/self', '/v1/apis']) {
      const answer = await server.request<ProblemBody>('GET', path, undefined, { authorization })
      assert.deepEqual([answer.status, answer.body.code], [401, 'KIND_NOT_ACCEPTED'])
    }
  })
})

test('an API takes neither a password nor a client secret unless it says so; nor does administration', async () => {
  const made = await server.request<{ accepts: string[] }>('POST', '/v1/apis', {
    name: 'plain',
    audience: 'urn:plain',
  })
  const builtIn = await server.request<{ accepts: string[] }>('GET', '/v1/apis/credence')
  for (const { body } of [made, builtIn]) {
    assert.ok(body.accepts.includes('api_key'))
    assert.ok(!body.accepts.includes('basic') && !body.accepts.includes('client_secret'))
  }
})
