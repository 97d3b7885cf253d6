import assert from 'node:assert/strict'
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type RunningServer,
  request,
  runCommand,
  type StartOptions,
  startRefused,
  startServer,
  temporaryFolder,
} from '../running-server.ts'

function folder(t: TestContext): string {
  const path = temporaryFolder()
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function started(t: TestContext, options: StartOptions = {}): Promise<RunningServer> {
  const server = await startServer(options)
  t.after(() => server.stop())
  return server
}

/** A data folder that a server has used and left. */
async function usedFolder(t: TestContext): Promise<string> {
  const dataPath = folder(t)
  const { code } = await (await startServer({ dataPath })).stop()
  assert.equal(code, 0)
  return dataPath
}

test('SIGTERM fails readiness first, lets a request in flight finish, and ends with 0', async (t) => {
  const held = Promise.withResolvers<() => void>()
  const upstream = createServer((_request, response) => held.resolve(() => response.end('finished')))
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  t.after(() => upstream.close())
  const server = await started(t, { env: { CREDENCE_READINESS_DELAY_SECONDS: '1' } })
  const api = {
    name: 'slow',
    audience: 'https://slow.example',
    upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
    routes: [{ method: 'GET', path: '/**', public: true }],
  }
  assert.equal((await server.request('POST', '/v1/apis', api)).status, 201)
  assert.equal((await request(`${server.api}/readyz`, 'GET')).status, 200)

  const answer = new Promise<string>((resolve, reject) => {
    get(`${server.gateway}/thing`, (response) => {
      let text = `${response.statusCode} `
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(text)).on('error', reject)
    }).on('error', reject)
  })
  const release = await held.promise
  server.child.kill('SIGTERM')
  await server.printed(/shutting down/)
  const readiness = await request<{ status: string }>(`${server.api}/readyz`, 'GET')
  assert.deepEqual([readiness.status, readiness.body.status], [503, 'shutting_down'])
  // Whoever has not looked at readiness yet is served.
  assert.equal((await request(`${server.api}/healthz`, 'GET')).status, 200)
  await refusesConnections(`${server.api}/healthz`)
  release()
  assert.equal(await answer, '200 finished')
  assert.equal((await server.stop()).code, 0)
})

/** Asks until the listener is closed: after the readiness delay, so that the upstream answers only then. */
async function refusesConnections(url: string): Promise<void> {
  for (;;) {
    try {
      await request(url, 'GET', undefined, { connection: 'close' })
    } catch {
      return
    }
  }
}

test('a second start keeps the admin key, the keyring and what was made', async (t) => {
  const dataPath = await usedFolder(t)
  const files = ['admin.key', 'keyring.json'].map((name) => join(dataPath, name))
  const before = files.map((path) => readFileSync(path, 'utf8'))
  for (const path of files) assert.equal(statSync(path).mode & 0o777, 0o600)
  const server = await started(t, { dataPath })
  assert.deepEqual(
    files.map((path) => readFileSync(path, 'utf8')),
    before,
  )
  assert.doesNotMatch(server.output().stdout, /admin key/)
  assert.equal((await server.request('GET', '/v1/status')).status, 200)
})

test('another keyring is refused, and both fingerprints are named; a missing one is not made anew', async (t) => {
  const [dataPath, otherPath] = [await usedFolder(t), await usedFolder(t)]
  const other = await startRefused({ dataPath, env: { CREDENCE_KEYRING: join(otherPath, 'keyring.json') } })
  assert.equal(other.code, 1)
  const fingerprints = other.stderr.match(/\b(?:[0-9a-f]{4}-){3}[0-9a-f]{4}\b/g)
  assert.equal(new Set(fingerprints).size, 2, other.stderr)
  const missingPath = join(otherPath, 'none.json')
  const missing = await startRefused({ dataPath, env: { CREDENCE_KEYRING: missingPath } })
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /none\.json/)
  assert.throws(() => statSync(missingPath), /ENOENT/)
})

test('a keyring that the group may read is refused, and the message says how to mend it', async (t) => {
  const dataPath = await usedFolder(t)
  const path = join(dataPath, 'keyring.json')
  chmodSync(path, 0o640)
  const { code, stderr } = await startRefused({ dataPath })
  assert.equal(code, 1)
  assert.ok(stderr.includes(`chmod 600 ${path}`), stderr)
  chmodSync(path, 0o600)
  assert.equal((await (await startServer({ dataPath })).stop()).code, 0)
})

test('the admin key of CREDENCE_ADMIN_KEY_FILE is installed at the first start, and none is written', async (t) => {
  const own = (await started(t)).adminKey
  const dataPath = folder(t)
  const keyPath = join(folder(t), 'own.key')
  writeFileSync(keyPath, `${own}\n`, { mode: 0o600 })
  const server = await started(t, { dataPath, env: { CREDENCE_ADMIN_KEY_FILE: keyPath } })
  assert.equal(server.adminKey, '')
  assert.throws(() => statSync(join(dataPath, 'admin.key')), /ENOENT/)
  assert.ok(server.output().stdout.includes(`admin key taken from ${keyPath}`))
  assert.ok(!server.output().stdout.includes(own))
  const answer = await server.request('GET', '/v1/apis', undefined, { authorization: `Bearer ${own}` })
  assert.equal(answer.status, 200)
  writeFileSync(keyPath, 'not a key\n')
  const refused = await startRefused({ dataPath: folder(t), env: { CREDENCE_ADMIN_KEY_FILE: keyPath } })
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /own\.key does not hold a key/)
})

test('all settings at fault are named at once, with what they take and without what they held', async (t) => {
  const env = {
    CREDENCE_LISTEN: 'nowhere-at-all',
    CREDENCE_LOG_LEVEL: 'loud-and-clear',
    CREDENCE_LEASE_MS: '-5',
    CREDENCE_LISTNE: '127.0.0.1:1',
    CREDENCE_TLS_CERT: '/nowhere/cert.pem',
  }
  const { code, stderr } = await startRefused({ dataPath: folder(t), env })
  assert.equal(code, 1)
  for (const name of Object.keys(env)) assert.ok(stderr.includes(name), `${name} in\n${stderr}`)
  assert.match(stderr, /CREDENCE_TLS_KEY is missing/)
  assert.match(stderr, /allowed: .*fatal.*trace/)
  assert.doesNotMatch(stderr, /loud-and-clear|nowhere-at-all/)
})

test('beyond loopback needs TLS, or the opt-out', async (t) => {
  const dataPath = folder(t)
  const exposed = { CREDENCE_LISTEN: '0.0.0.0:0', CREDENCE_GATEWAY_LISTEN: '[::]:0' }
  const { code, stderr } = await startRefused({ dataPath, env: exposed })
  assert.equal(code, 1)
  assert.match(stderr, /CREDENCE_LISTEN is reachable from other machines, which needs TLS/)
  assert.match(stderr, /CREDENCE_GATEWAY_LISTEN is reachable/)
  assert.throws(() => statSync(join(dataPath, 'credence.db')), /ENOENT/, 'nothing was made')
  const env = { CREDENCE_LISTEN: '0.0.0.0:0', CREDENCE_DANGEROUSLY_LISTEN_WITHOUT_TLS: 'true' }
  const server = await started(t, { dataPath, env })
  assert.match(server.api, /^http:\/\/0\.0\.0\.0:\d+$/)
})

test('administration on a listener of its own is nowhere else; verify stays', async (t) => {
  const server = await started(t, { env: { CREDENCE_ADMIN_LISTEN: '127.0.0.1:0' } })
  const admin = server.urls.get('admin')!
  assert.notEqual(admin, server.api)
  const headers = { authorization: `Bearer ${server.adminKey}` }
  for (const path of ['credentials', 'apis', 'workspaces', 'principals', 'roles', 'audit', 'decisions']) {
    const moved = await request<{ code: string }>(`${server.api}/v1/${path}`, 'GET', undefined, headers)
    assert.equal(moved.status, 404, path)
    assert.equal((await request(`${admin}/v1/${path}`, 'GET', undefined, headers)).status, 200, path)
  }
  const body = { credential: server.adminKey, api: 'credence' }
  const verdict = await request<{ code: string }>(`${server.api}/v1/verify`, 'POST', body, headers)
  assert.deepEqual([verdict.status, verdict.body.code], [200, 'VALID'])
  assert.equal((await request(`${server.api}/v1/credentials/self`, 'GET', undefined, headers)).status, 200)
})

test('health and metrics on a listener of their own are nowhere else, and nothing else is there', async (t) => {
  const server = await started(t, { env: { CREDENCE_OPS_LISTEN: '127.0.0.1:0' } })
  const ops = server.urls.get('ops')!
  const headers = { authorization: `Bearer ${server.adminKey}` }
  for (const path of ['/healthz', '/readyz', '/metrics']) {
    assert.equal((await request(ops + path, 'GET')).status, 200, path)
    assert.equal((await request(server.api + path, 'GET')).status, 404, path)
  }
  for (const path of ['/v1/credentials', '/v1/verify', '/docs', '/openapi.json', '/v1/authorize/credence']) {
    assert.equal((await request(ops + path, 'GET', undefined, headers)).status, 404, path)
  }
})

test('admin recover makes a key that the running server takes at once', async (t) => {
  const server = await started(t)
  const revoked = await server.request('POST', '/v1/credentials/self/revoke', {})
  assert.equal(revoked.status, 200, revoked.text)
  assert.equal((await server.request('GET', '/v1/apis')).status, 401)
  const made = await server.credence(['admin', 'recover'])
  assert.equal(made.code, 0, made.stderr)
  const path = join(server.dataPath, 'admin.key')
  const key = readFileSync(path, 'utf8').trim()
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.notEqual(key, server.adminKey)
  assert.ok(!`${made.stdout}${made.stderr}`.includes(key.slice(-38)), 'the key is in the file alone')
  const answer = await server.request('GET', '/v1/apis', undefined, { authorization: `Bearer ${key}` })
  assert.equal(answer.status, 200, answer.text)
  assert.equal((await server.credence(['status'])).code, 0)
})

test('admin recover gets over what a recovery that was cut off left behind', async (t) => {
  const dataPath = await usedFolder(t)
  writeFileSync(join(dataPath, 'admin.key.new'), 'half a k', { mode: 0o600 })
  const made = await runCommand(['admin', 'recover'], { CREDENCE_DATA: dataPath })
  assert.equal(made.code, 0, made.stderr)
  const server = await started(t, { dataPath })
  assert.equal((await server.request('GET', '/v1/apis')).status, 200)
})

test('migrate --plan says what would be done and does nothing', async (t) => {
  const dataPath = folder(t)
  const fresh = await runCommand(['migrate', '--plan'], { CREDENCE_DATA: dataPath })
  assert.equal(fresh.code, 0, fresh.stderr)
  assert.match(fresh.stdout, /^schema at version 0\n {2}would apply 1 /)
  assert.throws(() => statSync(join(dataPath, 'credence.db')), /ENOENT/)
  const used = await usedFolder(t)
  const planned = await runCommand(['migrate', '--plan'], { CREDENCE_DATA: used })
  assert.equal(planned.code, 0, planned.stderr)
  assert.match(planned.stdout, /^(?:(?:schema|usage) at version [1-9]\d*\n {2}nothing to do\n){2}$/)
})

test('a test key presented to live is unknown outside, and the operator is told whose it is', async (t) => {
  const server = await started(t)
  const workspace = await server.credence(['workspaces', 'create', 'test', '--prefix', 'crd_test'])
  assert.equal(workspace.code, 0, workspace.stderr)
  const inTest = { CREDENCE_KEY: workspace.stdout.trim() }
  assert.match(inTest.CREDENCE_KEY, /^crd_test_[0-9A-Za-z]{50}$/)
  const create = ['apis', 'create', 'orders', '--audience', 'https://orders.example']
  const route = ['--route', 'GET /orders/*=orders:read']
  const live = await server.credence([...create, '--upstream', 'http://127.0.0.1:9', ...route])
  assert.equal(live.code, 0, live.stderr)
  const test = await server.credence([...create, ...route], '', inTest)
  assert.equal(test.code, 0, test.stderr)
  const flags = ['--api', 'orders', '--scopes', 'orders:read', '--principal', 'billing']
  const made = await server.credence(['keys', 'create', ...flags], '', inTest)
  assert.equal(made.code, 0, made.stderr)
  const testKey = made.stdout.trim()

  const headers = { authorization: `Bearer ${testKey}` }
  const refused = await request<{ code: string; request_id: string; title: string }>(
    `${server.gateway}/orders/7`,
    'GET',
    undefined,
    headers,
  )
  assert.deepEqual([refused.status, refused.body.code], [401, 'NOT_FOUND'])
  assert.doesNotMatch(refused.text, /workspace|test/)
  const why = await server.credence(['why', refused.body.request_id])
  assert.equal(why.code, 0, why.stderr)
  assert.match(why.stdout, /DENY NOT_FOUND/)
  assert.match(why.stdout, /belongs to workspace ws_/)
  await server.printed(new RegExp(`"request_id":"${refused.body.request_id}"`))
  const line = server
    .output()
    .stderr.split('\n')
    .find((text) => text.includes(refused.body.request_id))
  assert.match(String(line), /belongs to workspace ws_/)
  // At home it is known.
  const verified = await server.request<{ code: string }>(
    'POST',
    '/v1/verify',
    { credential: testKey, api: 'orders' },
    { authorization: `Bearer ${inTest.CREDENCE_KEY}` },
  )
  assert.equal(verified.body.code, 'VALID', verified.text)
})

test('a key file for the command line does not keep the server on the same host from starting', async (t) => {
  const keyPath = join(folder(t), 'cli.key')
  writeFileSync(keyPath, 'anything', { mode: 0o600 })
  const server = await started(t, { env: { CREDENCE_KEY_FILE: keyPath } })
  assert.equal((await server.request('GET', '/v1/status')).status, 200)
})
