import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { type RunningServer, request, startServer, temporaryFolder } from '../running-server.ts'
import { filesBelow, findSecrets, type Places } from './secret-search.ts'

const ISSUER = 'https://credence.example'

/** The places that hold a half of a JWT's signature, without which what it says is worth nothing. */
function findSignatures(tokens: readonly string[], places: Places): string[] {
  const found: string[] = []
  for (const [place, bytes] of places) {
    for (const [number, token] of tokens.entries()) {
      const signature = token.slice(token.lastIndexOf('.') + 1)
      const halves = [signature.slice(0, 43), signature.slice(43)]
      if (halves.some((half) => bytes.includes(half))) found.push(`${place}: token ${number + 1}`)
    }
  }
  return found
}

describe('a run with everything logged, in which access tokens and identity tokens come up', () => {
  const dataPath = temporaryFolder()
  const opaque: string[] = []
  const signed: string[] = []
  const identities: string[] = []
  const answers: string[] = []
  const upstream = createServer((incoming, response) => {
    const identity = incoming.headers['x-credence-identity']
    if (typeof identity === 'string') identities.push(identity)
    response.end()
  })
  let server: RunningServer

  before(async () => {
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    const env = { CREDENCE_LOG_LEVEL: 'trace', CREDENCE_PUBLIC_URL: ISSUER }
    server = await startServer({ dataPath, env })
  })
  after(async () => {
    await server.stop()
    upstream.close()
    rmSync(dataPath, { recursive: true, force: true })
  })

  it('issues them by HTTP and by the command line, to be used at once', async () => {
    const { port } = upstream.address() as AddressInfo
    const api = {
      ...{ name: 'orders', audience: 'https://orders.example', upstream: `http://127.0.0.1:${port}` },
      ...{ identity_token: true, query_parameter: 'api_key' },
      routes: [{ method: '*', path: '/orders/*', scopes: 'orders:read' }],
    }
    assert.equal((await server.request('POST', '/v1/apis', api)).status, 201)
    const made = await server.request<{ secret: string }>('POST', '/v1/credentials', {
      ...{ kind: 'api_key', api: 'orders', scopes: ['orders:read'], principal: 'billing' },
    })
    const key = made.body.secret
    for (const format of ['opaque', 'jwt', 'opaque', 'jwt']) {
      const body = { api: 'orders', format }
      const headers = { authorization: `Bearer ${key}` }
      const { status, body: token } = await server.request<{ access_token: string }>(
        ...(['POST', '/v1/tokens', body, headers] as const),
      )
      assert.equal(status, 200)
      ;(format === 'jwt' ? signed : opaque).push(token.access_token)
    }
    const args = ['tokens', 'issue', '--api', 'orders', '--key', '-']
    const command = await server.credence(args, `${key}\n`)
    assert.match(command.stdout, /^crd_live_at_[0-9A-Za-z]{50}\n$/)
    opaque.push(command.stdout.trim())
    answers.push(command.stderr)
  })

  it('uses them rightly and wrongly at every door', async () => {
    for (const token of [...opaque, ...signed]) {
      const right = await request(`${server.gateway}/orders/7`, 'GET', undefined, {
        authorization: `Bearer ${token}`,
      })
      assert.equal(right.status, 200, right.text)
      for (const base of [server.gateway, server.api]) {
        for (const [path, headers] of [
          ['/orders/7', { 'x-api-key': `${token}x` }],
          ['/orders/7', { authorization: token, cookie: `session=${token}` }],
          ['/orders/7', { authorization: `Bearer ${token} ${token}` }],
          ['/orders/7', { 'user-agent': token, referer: `https://a.example/?k=${token}` }],
          [`/orders/7?api_key=${token}`, {}],
          [`/orders/7?token=${token}`, {}],
          [`/orders/${token}`, {}],
        ] as const) {
          answers.push((await request(`${base}${path}`, 'GET', undefined, { ...headers })).text)
        }
      }
      const admin = { authorization: `Bearer ${server.adminKey}` }
      for (const body of [{ api: token }, { api: 'orders', credential: `${token}x` }, { [token]: 1 }]) {
        answers.push((await request(`${server.api}/v1/verify`, 'POST', body, admin)).text)
        answers.push((await request(`${server.api}/v1/tokens`, 'POST', body, admin)).text)
      }
    }
    assert.ok(identities.length >= opaque.length + signed.length)
  })

  it('leaves none of them in any log line, metric, decision, audit entry, answer or file', async () => {
    const listed: string[] = []
    for (const list of [
      'credentials?kind=access_token',
      'decisions?limit=100',
      'audit',
      'signing-keys',
      'status',
    ]) {
      const { status, text } = await server.request('GET', `/v1/${list}`)
      assert.equal(status, 200, text)
      listed.push(text)
    }
    const metrics = await request(`${server.api}/metrics`, 'GET')
    const { stdout, stderr } = await server.stop()
    assert.ok(stderr.split('\n').length > 40, `only ${stderr.split('\n').length} lines were logged`)
    const places = new Map([
      ['standard output', Buffer.from(stdout)],
      ['standard error', Buffer.from(stderr)],
      ['lists', Buffer.from(listed.join('\n'))],
      ['metrics', Buffer.from(metrics.text)],
      ['answers', Buffer.from(answers.join('\n'))],
      ...filesBelow(dataPath, ['admin.key']),
    ])
    assert.ok(places.has('credence.db'))
    assert.deepEqual(findSecrets(opaque, places), [])
    assert.deepEqual(findSignatures([...signed, ...identities], places), [])
  })

  it('would find one', () => {
    const [token] = signed
    const place = Buffer.from(`{"msg":"${token!.slice(-44)}"}`)
    assert.deepEqual(findSignatures(signed, new Map([['log', place]])), ['log: token 1'])
  })
})
