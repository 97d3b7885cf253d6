import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { type RunningServer, request, startServer, temporaryFolder } from '../running-server.ts'
import { filesBelow } from './secret-search.ts'

const LISTS = ['credentials', 'apis', 'principals', 'decisions', 'audit']
const CHOSEN = 'hurdle vex quib gnaw'
const REFUSED = 'iloveyou123456789'
const MISTYPED = 'tundra lobster quilt'

describe('a run with everything logged, in which passwords are set, mistyped, refused and rotated', () => {
  const dataPath = temporaryFolder()
  const passwords: string[] = [CHOSEN, REFUSED, MISTYPED]
  const answers: string[] = []
  let server: RunningServer
  let id: string

  before(async () => {
    const env = { CREDENCE_LOG_LEVEL: 'trace', CREDENCE_TRUSTED_PROXIES: '127.0.0.1' }
    server = await startServer({ dataPath, env })
  })
  after(async () => {
    await server.stop()
    rmSync(dataPath, { recursive: true, force: true })
  })

  function basic(password: string, proto: string): Record<string, string> {
    const token = Buffer.from(`ann:${password}`).toString('base64')
    return { authorization: `Basic ${token}`, 'x-forwarded-proto': proto }
  }

  it('lets in by the password, as the guide says: over HTTPS of a trusted proxy, and in no other way', async () => {
    const routes = [{ method: '*', path: '/**' }]
    const api = {
      name: 'orders',
      audience: 'urn:orders',
      routes,
      accepts: ['api_key', 'basic'],
      scopes: ['r'],
    }
    assert.equal((await server.request('POST', '/v1/apis', api)).status, 201)
    const create = ['credentials', 'create', '--kind', 'basic', '--username', 'ann', '--api', 'orders']
    const made = await server.credence(
      [...create, '--principal', 'ann', '--password-file', '-', '--json'],
      CHOSEN,
    )
    assert.equal(made.code, 0, made.stderr)
    id = JSON.parse(made.stdout).credential.id
    answers.push(made.stdout, made.stderr)
    const asked = { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/orders/7' }
    for (const [password, proto, status] of [
      [CHOSEN, 'https', 200],
      [CHOSEN, 'https', 200],
      [CHOSEN, 'http', 403],
      [MISTYPED, 'https', 401],
      [REFUSED, 'http', 403],
    ] as const) {
      const headers = { ...asked, ...basic(password, proto) }
      const answer = await request(`${server.api}/v1/authorize/orders`, 'GET', undefined, headers)
      assert.equal(answer.status, status, answer.text)
      answers.push(answer.text)
    }
    const asking = ['verify', '--api', 'orders', '--username', 'ann', '--ip', '203.0.113.9']
    const verdict = await server.credence(asking, CHOSEN)
    assert.equal(verdict.code, 0, verdict.stdout + verdict.stderr)
    answers.push(verdict.stdout, verdict.stderr)
  })

  it('refuses bad ones and malformed requests that hold one', async () => {
    const body = { kind: 'basic', api: 'orders', principal: 'ann', username: 'bob', password: REFUSED }
    for (const sent of [
      body,
      { ...body, username: 'ann', password: MISTYPED },
      { ...body, password: [MISTYPED] },
      { ...body, passwords: MISTYPED },
      `${JSON.stringify({ ...body, password: MISTYPED }).slice(0, -1)},}`,
    ]) {
      const answer = await server.request('POST', '/v1/credentials', sent)
      assert.ok(answer.status >= 400 && answer.status < 500, answer.text)
      answers.push(answer.text)
    }
    const rotated = await server.request('POST', `/v1/credentials/${id}/rotate`, { password: REFUSED })
    assert.equal(rotated.status, 422)
    answers.push(rotated.text)
  })

  it('rotates to a generated one, with an idempotency key and its replay', async () => {
    const headers = { authorization: `Bearer ${server.adminKey}`, 'idempotency-key': 'again' }
    const path = `/v1/credentials/${id}/rotate`
    const first = await server.request<{ secret: string }>('POST', path, { overlap_seconds: 60 }, headers)
    passwords.push(first.body.secret)
    answers.push((await server.request('POST', path, { overlap_seconds: 60 }, headers)).text)
    const chosen = { authorization: `Bearer ${server.adminKey}`, 'idempotency-key': 'chosen' }
    assert.equal((await server.request('POST', path, { password: MISTYPED }, chosen)).status, 200)
  })

  it('leaves no password in any log line, metric, decision, audit entry, answer or file, in no form', async () => {
    const listed: string[] = []
    for (const list of LISTS) listed.push((await server.request('GET', `/v1/${list}`)).text)
    const metrics = await request(`${server.api}/metrics`, 'GET')
    const { stdout, stderr } = await server.stop()
    assert.match(stderr, /TLS_REQUIRED[\s\S]*BAD_SECRET/, 'refusals were logged')
    const files = filesBelow(dataPath, ['admin.key'])
    assert.ok(files.has('credence.db'))
    const places = new Map([
      ...(['stdout', 'stderr'] as const).map(
        (name) => [name, Buffer.from({ stdout, stderr }[name])] as const,
      ),
      ['lists', Buffer.from(listed.join('\n'))],
      ['metrics', Buffer.from(metrics.text)],
      ['answers', Buffer.from(answers.join('\n'))],
      ...files,
    ])
    assert.equal(passwords.length, 4)
    assert.deepEqual(findPasswords(passwords, places), [])
  })

  it('would find one: as it is, in its half, or encoded with its username', () => {
    for (const form of formsOf(CHOSEN)) {
      assert.deepEqual(findPasswords(passwords, new Map([['log', Buffer.from(`{"msg":"${form}"}`)]])), [
        'log: password 1',
      ])
    }
  })
})

function formsOf(password: string): string[] {
  const bytes = Buffer.from(password)
  // Without the last group, which depends on what follows, and behind a username of three letters and a colon.
  const basic = Buffer.from(`ann:${password}`).toString('base64').slice(8, -4)
  return [
    password,
    password.slice(0, 12),
    bytes.toString('hex'),
    bytes.toString('base64').slice(0, -4),
    basic,
  ]
}

function findPasswords(passwords: readonly string[], places: ReadonlyMap<string, Buffer>): string[] {
  return [...places].flatMap(([place, bytes]) =>
    passwords.flatMap((password, number) =>
      formsOf(password).some((form) => bytes.includes(form)) ? [`${place}: password ${number + 1}`] : [],
    ),
  )
}
