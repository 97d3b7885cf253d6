import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { type RunningServer, request, startServer, temporaryFolder } from '../running-server.ts'
import { filesBelow, findSecrets, secretPart } from './secret-search.ts'

const LISTS = [
  'credentials',
  'issuers',
  'apis',
  'principals',
  'workspaces',
  'roles',
  'decisions',
  'audit',
  'status',
]

describe('a run with everything logged, in which secrets come up in right and wrong places', () => {
  const dataPath = temporaryFolder()
  const keys: string[] = []
  /** Of no form that a log could know, so they must not get there; nobody presents them. */
  const issuerSecrets: string[] = []
  /** What callers got back; a new secret is in the answer that hands it out, and those are not kept. */
  const answers: string[] = []
  const upstream = createServer((incoming, response) => response.end(`${incoming.method} ${incoming.url}`))
  let server: RunningServer

  before(async () => {
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    server = await startServer({ dataPath, env: { CREDENCE_LOG_LEVEL: 'trace' } })
    keys.push(server.adminKey)
  })
  after(async () => {
    await server.stop()
    upstream.close()
    rmSync(dataPath, { recursive: true, force: true })
  })

  const answered = ({ status, text }: { status: number; text: string }) => answers.push(`${status} ${text}`)
  const ask = async (url: string, method: string, body?: unknown, headers: Record<string, string> = {}) =>
    answered(await request(url, method, body, headers))

  async function issue(
    path: string,
    body: unknown,
    key = server.adminKey,
  ): Promise<{ id: string; secret: string }> {
    const headers = { authorization: `Bearer ${key}` }
    const answer = await server.request<{ credential: { id: string }; secret: string }>(
      'POST',
      path,
      body,
      headers,
    )
    assert.ok(answer.status === 200 || answer.status === 201, `${path}: ${answer.status} ${answer.body}`)
    keys.push(answer.body.secret)
    return { id: answer.body.credential.id, secret: answer.body.secret }
  }

  /** Secrets of an issuer's, by which tokens are verified and decrypted; in hexadecimal digits, which are base64url too. */
  async function trustIssuer(): Promise<void> {
    const headers = { authorization: `Bearer ${server.adminKey}` }
    const [signing, wrapping] = [0, 1].map(() => `${randomBytes(21).toString('hex')}0`)
    issuerSecrets.push(signing!, wrapping!)
    const issuer = {
      ...{ name: 'sso', api: 'orders', issuer: 'urn:sso', audience: 'urn:orders', algorithms: ['HS256'] },
      jwks: { keys: [{ kty: 'oct', k: signing }] },
      decryption: { jwks: { keys: [{ kty: 'oct', k: wrapping, kid: 'd1', alg: 'A256KW' }] } },
    }
    const made = await request(`${server.api}/v1/issuers`, 'POST', issuer, headers)
    assert.equal(made.status, 201, 'the issuer was made')
    answered(made)
    const wrong = { keys: [{ kty: 'oct', k: `${wrapping}A`, kid: wrapping, alg: signing }] }
    await ask(`${server.api}/v1/issuers/sso`, 'PATCH', { jwks: wrong, decryption: { jwks: wrong } }, headers)
    await ask(`${server.api}/v1/issuers/sso`, 'PATCH', { decryption: { keep: [wrapping] } }, headers)
    await ask(`${server.api}/v1/issuers/sso`, 'PATCH', { decryption: { generate: wrapping } }, headers)
  }

  it('makes secrets in every way there is', async () => {
    const { port } = upstream.address() as AddressInfo
    const api = {
      name: 'orders',
      audience: 'https://orders.example',
      upstream: `http://127.0.0.1:${port}`,
      query_parameter: 'api_key',
      routes: [{ method: '*', path: '/orders/*', scopes: 'orders:read' }],
    }
    assert.equal((await server.request('POST', '/v1/apis', api)).status, 201)
    const workspace = await server.request<{ admin_key: { secret: string } }>('POST', '/v1/workspaces', {
      name: 'test',
      prefix: 'crd_test',
    })
    assert.equal(workspace.status, 201, 'the workspace was made')
    keys.push(workspace.body.admin_key.secret)
    for (let number = 0; number < 8; number++) {
      const kind = number === 6 ? 'client_secret' : 'api_key'
      const body = { kind, api: 'orders', scopes: ['orders:read'], principal: `caller-${number}` }
      const made = await issue('/v1/credentials', body)
      if (number % 2 === 0) continue
      const overlap = { overlap_seconds: number * 100 }
      const rotated = await issue(`/v1/credentials/${made.id}/rotate`, overlap)
      await issue('/v1/credentials/self/rotate', { overlap_seconds: 60 }, rotated.secret)
      if (number === 7)
        await server.request('POST', `/v1/credentials/${made.id}/revoke`, { reason: 'leaked' })
    }
    await trustIssuer()
    assert.equal(new Set(keys.map(secretPart)).size, keys.length)
    assert.ok(keys.length >= 18, `${keys.length} keys`)
  })

  it('uses them rightly and wrongly at every listener', async () => {
    for (const key of keys) {
      for (const base of [server.gateway, server.api]) {
        await ask(`${base}/orders/7`, 'GET', undefined, { authorization: `Bearer ${key}` })
        await ask(`${base}/orders/7`, 'GET', undefined, { 'x-api-key': key })
        await ask(`${base}/orders/7?api_key=${key}`, 'GET')
        await ask(`${base}/orders/7?token=${key}&q=${key.slice(0, -1)}`, 'GET')
        await ask(`${base}/orders/${key}`, 'GET')
        await ask(`${base}/orders//${key}`, 'POST', `{"credential": ${key}}`)
        const basic = Buffer.from(`${key}:`).toString('base64')
        await ask(`${base}/orders/7`, 'GET', undefined, { authorization: `Basic ${basic}` })
        await ask(`${base}/orders/7`, 'GET', undefined, { authorization: `Bearer ${key} ${key}` })
        await ask(`${base}/orders/7`, 'GET', undefined, { authorization: key, cookie: `session=${key}` })
        await ask(`${base}/orders/7`, 'GET', undefined, {
          'user-agent': key,
          referer: `https://a.example/?k=${key}`,
        })
        await ask(`${base}/orders/7`, 'GET', undefined, {
          authorization: `Bearer ${key}x`,
          'x-request-id': key,
        })
        await ask(`${base}/orders/7`, 'GET', undefined, { 'x-forwarded-for': key, traceparent: key })
      }
    }
  })

  it('hands them to administration where they do not belong', async () => {
    const headers = { authorization: `Bearer ${server.adminKey}` }
    for (const key of keys) {
      const at = (path: string) => `${server.api}/v1/${path}`
      await ask(at('verify'), 'POST', { credential: key, api: 'orders' }, headers)
      await ask(at('verify'), 'POST', { credential: `${key}${key}`, api: key }, headers)
      await ask(at('verify'), 'POST', { [key]: 1, api: 'orders' }, headers)
      await ask(at('verify'), 'POST', `{"credential":"${key}"`, headers)
      await ask(at('verify'), 'POST', `{"credential":"${key}","credential":"${key}"}`, headers)
      const inside = { method: 'GET', path: '/orders/7', headers: { authorization: `Bearer ${key}` } }
      await ask(at('verify'), 'POST', { request: inside, api: 'orders' }, headers)
      await ask(at(`credentials/${key}`), 'GET', undefined, headers)
      await ask(at(`credentials/${key}/revoke`), 'POST', { reason: 7, [key]: key }, headers)
      await ask(at(`credentials?cursor=${key}`), 'GET', undefined, headers)
      await ask(at(`decisions/${key}`), 'GET', undefined, headers)
      await ask(
        at('apis'),
        'POST',
        { name: key, audience: key, upstream: `http://${key}@127.0.0.1:9` },
        headers,
      )
      await ask(at('credentials'), 'POST', { kind: key, principal: '', api: key, scopes: [key] }, headers)
      const idempotent = { ...headers, 'idempotency-key': 'again' }
      await ask(at('principals'), 'POST', { name: '', type: key }, idempotent)
      await ask(at('authorize/orders'), 'GET', undefined, { 'x-forwarded-uri': `/orders/7?api_key=${key}` })
      await raw(server.api, `GET /${key} HTTP/1.1\r\nHost: a\r\nbroken ${key}\r\n\r\n`)
      await raw(server.gateway, `GET ${key} HTTP/9.9\r\n\r\n`)
    }
    for (const key of keys.slice(0, 3)) {
      const command = await server.credence(
        ['verify', '--api', 'orders', '--scopes', 'orders:read'],
        `${key}\n`,
      )
      answers.push(command.stdout, command.stderr)
    }
  })

  it('leaves no secret in any log line, metric, decision, audit entry, answer or file', async () => {
    const listed: string[] = []
    for (const list of LISTS) listed.push((await server.request('GET', `/v1/${list}`)).text)
    const { items } = (
      await server.request<{ items: { request_id: string }[] }>('GET', '/v1/decisions?limit=100')
    ).body
    assert.equal(items.length, 100, 'decisions were kept')
    for (const { request_id: id } of items.slice(0, 40)) {
      listed.push((await server.request('GET', `/v1/decisions/${id}`)).text)
    }
    const metrics = await request(`${server.api}/metrics`, 'GET')
    assert.match(metrics.text, /credence_/)
    const whileRunning = filesBelow(dataPath, ['admin.key'])
    const { stdout, stderr } = await server.stop()
    assert.ok(stderr.split('\n').length > 150, `only ${stderr.split('\n').length} lines were logged`)
    const files = filesBelow(dataPath, ['admin.key'])
    assert.ok(files.has('credence.db') && files.has('usage.db'))
    const places = new Map([
      ['standard output', Buffer.from(stdout)],
      ['standard error', Buffer.from(stderr)],
      ['lists', Buffer.from(listed.join('\n'))],
      ['metrics', Buffer.from(metrics.text)],
      ...[...whileRunning].map(([name, bytes]) => [`${name}, running`, bytes] as const),
      ...files,
    ])
    assert.deepEqual(findSecrets([...keys, ...issuerSecrets], places), [])
    // What came back to a caller: nothing echoes a secret that came at a wrong place. The upstream's words are its own.
    const ours = answers.filter((text) => !/^200 [A-Z]+ \//.test(text))
    assert.deepEqual(
      findSecrets([...keys, ...issuerSecrets], new Map([['answers', Buffer.from(ours.join('\n'))]])),
      [],
    )
  })

  it('would find one: whole, in half, encoded, in a line of its own or in the middle of a file', () => {
    const planted = keys.at(-1)!
    const forms = [
      planted,
      secretPart(planted).slice(0, 16),
      secretPart(planted).slice(16),
      Buffer.from(`${planted}:`).toString('base64'),
      Buffer.from(secretPart(planted)).toString('hex'),
    ]
    for (const form of forms) {
      const place = Buffer.concat([
        Buffer.alloc(5000),
        Buffer.from(`{"msg":"${form}"}\n`),
        Buffer.alloc(5000),
      ])
      assert.deepEqual(findSecrets(keys, new Map([['log', place]])), [`log: key ${keys.length}`])
    }
    const shown = Buffer.from(`{"k":"${issuerSecrets[0]}"}`)
    assert.deepEqual(findSecrets(issuerSecrets, new Map([['log', shown]])), ['log: key 1'])
    assert.deepEqual(findSecrets(keys, new Map([['log', Buffer.from(planted.slice(0, 21))]])), [])
  })
})

/** Sends bytes that no HTTP client would, and waits until the server has hung up. */
function raw(url: string, bytes: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.end(bytes))
    socket
      .on('error', reject)
      .on('close', () => resolve())
      .resume()
  })
}
