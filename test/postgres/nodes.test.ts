import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { after, type TestContext, test } from 'node:test'
import { eventually } from '@credence/server/testing/eventually'
import { type Cluster, startCluster, TEST_PASSWORD } from '@credence/server/testing/postgres-cluster'
import {
  type RunningServer,
  request,
  runCommand,
  startRefused,
  startServer,
  temporaryFolder,
} from '../running-server.ts'

/** Servers in processes of their own on one PostgreSQL, as they are deployed. */

let running: Cluster | null = null

async function cluster(): Promise<Cluster> {
  running ??= await startCluster({ isDurable: true })
  return running
}

after(() => running?.remove())

function folder(t: TestContext): string {
  const path = temporaryFolder()
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** An empty database and a keyring, as settings. */
async function installation(t: TestContext): Promise<Record<string, string>> {
  const keyring = join(folder(t), 'keyring.json')
  const made = await runCommand(['keyring', 'create'], { CREDENCE_KEYRING: keyring })
  assert.equal(made.code, 0, made.stderr)
  return { CREDENCE_KEYRING: keyring, CREDENCE_DATABASE_URL: await (await cluster()).database() }
}

async function node(
  t: TestContext,
  env: Record<string, string>,
  dataPath = folder(t),
): Promise<RunningServer> {
  const server = await startServer({ env, dataPath })
  t.after(async () => {
    const { stdout, stderr } = await server.stop()
    assert.ok(!`${stdout}${stderr}`.includes(TEST_PASSWORD), 'the password of the database was printed')
  })
  return server
}

function asked(server: RunningServer, adminKey: string, path = '/v1/apis') {
  return request<{ items: { name: string }[] }>(server.api + path, 'GET', undefined, {
    authorization: `Bearer ${adminKey}`,
  })
}

test('of nodes that start at once on an empty database one makes the admin key; no other holds one that is none', async (t) => {
  const env = await installation(t)
  const servers = await Promise.all([1, 2, 3].map(() => node(t, env)))
  const keys = servers.map(({ adminKey }) => adminKey).filter((key) => key !== '')
  assert.equal(keys.length, 1, `${keys.length} folders hold an admin key`)
  for (const server of servers) {
    const answer = await asked(server, keys[0]!)
    assert.deepEqual([answer.status, answer.body.items.map(({ name }) => name)], [200, ['credence']])
    assert.ok(!existsSync(join(server.dataPath, 'admin.key.new')))
    assert.match(server.output().stdout, /store postgres 127\.0\.0\.1:\d+\/test_\d+\n/)
  }
  const rows = await (await cluster()).run(env.CREDENCE_DATABASE_URL!, 'SELECT count(*) FROM credential')
  assert.deepEqual(rows, [{ count: '1' }])
})

test('what one node makes and takes back holds on the others', async (t) => {
  const env = await installation(t)
  const first = await node(t, env)
  const second = await node(t, { ...env, CREDENCE_KEY: first.adminKey })
  const create = ['apis', 'create', 'orders', '--audience', 'https://orders.example']
  const made = await first.credence([...create, '--route', 'GET /orders/*=orders:read'])
  assert.equal(made.code, 0, made.stderr)
  const flags = ['--api', 'orders', '--scopes', 'orders:read', '--principal', 'billing']
  const issued = await first.credence(['keys', 'create', ...flags, '--json'])
  assert.equal(issued.code, 0, issued.stderr)
  const { credential, secret } = JSON.parse(issued.stdout) as { credential: { id: string }; secret: string }
  const verify = async (server: RunningServer) => {
    const target = { api: 'orders', credential: secret, request: { method: 'GET', path: '/orders/7' } }
    const answer = await request<{ code: string }>(`${server.api}/v1/verify`, 'POST', target, {
      authorization: `Bearer ${first.adminKey}`,
    })
    return answer.body.code
  }
  await eventually('the other knows the API', async () => (await verify(second)) === 'VALID')
  const revoked = await first.request('POST', `/v1/credentials/${credential.id}/revoke`)
  assert.equal(revoked.status, 200, revoked.text)
  await eventually('it is revoked everywhere', async () => (await verify(second)) === 'REVOKED', 2000)
})

test('a revoke on a node with a short lease waits for the longer one of another, which stands still', async (t) => {
  const env = await installation(t)
  const first = await node(t, { ...env, CREDENCE_LEASE_MS: '300', CREDENCE_FEED_POLL_MS: '50' })
  const second = await node(t, { ...env, CREDENCE_LEASE_MS: '2000' })
  const flags = ['--api', 'credence', '--scopes', 'status:read', '--principal', 'watch']
  const issued = await first.credence(['keys', 'create', ...flags, '--json'])
  assert.equal(issued.code, 0, issued.stderr)
  const { credential, secret } = JSON.parse(issued.stdout) as { credential: { id: string }; secret: string }
  const status = () =>
    request(`${second.api}/v1/status`, 'GET', undefined, { authorization: `Bearer ${secret}` })
  await eventually('the other knows it', async () => (await status()).status === 200)
  process.kill(second.child.pid!, 'SIGSTOP')
  const path = `/v1/credentials/${credential.id}/revoke`
  type Revoked = { propagation: Record<'nodes' | 'confirmed' | 'after_ms' | 'bound_ms', number> }
  const { body } = await first.request<Revoked>('POST', path).finally(() => {
    process.kill(second.child.pid!, 'SIGCONT')
  })
  const { nodes, confirmed, after_ms, bound_ms } = body.propagation
  assert.deepEqual([nodes, confirmed, bound_ms], [2, 1, 2000])
  assert.ok(after_ms >= 2000, `it was acknowledged after ${after_ms} ms`)
  assert.equal((await status()).status, 401)
})

test('a node without a keyring invents none, and one with another is refused', async (t) => {
  const url = await (await cluster()).database()
  const dataPath = folder(t)
  const env = { CREDENCE_DATABASE_URL: url }
  const refused = await startRefused({ env, dataPath })
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /^credence: there is no keyring at .*credence keyring create.*every node/m)
  assert.ok(!existsSync(join(dataPath, 'keyring.json')))
  assert.ok(!existsSync(join(dataPath, 'admin.key')) && !existsSync(join(dataPath, 'admin.key.new')))
  const made = await runCommand(['keyring', 'create'], { ...env, CREDENCE_DATA: dataPath })
  assert.equal(made.code, 0, made.stderr)
  await (await node(t, env, dataPath)).stop()
  const other = folder(t)
  await runCommand(['keyring', 'create'], { CREDENCE_DATA: other })
  const foreign = await startRefused({ env, dataPath: other })
  assert.equal(foreign.code, 1)
  assert.ok(foreign.stderr.includes(made.stdout.trim()), foreign.stderr)
  rmSync(join(other, 'keyring.json'))
  const missing = await startRefused({ env, dataPath: other })
  assert.match(missing.stderr, /is missing, and the store belongs to keyring/)
})

test('keyring create prints the fingerprint and nothing else of it, and never replaces one', async (t) => {
  const dataPath = folder(t)
  const path = join(dataPath, 'keyring.json')
  const made = await runCommand(['keyring', 'create', '--data', dataPath], {})
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stdout, /^(?:[0-9a-f]{4}-){3}[0-9a-f]{4}\n$/)
  const text = readFileSync(path, 'utf8')
  const { keys } = JSON.parse(text) as { keys: { material: string }[] }
  assert.ok(!`${made.stdout}${made.stderr}`.includes(keys[0]!.material))
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const again = await runCommand(['keyring', 'create', '--data', dataPath], {})
  assert.deepEqual([again.code, again.stdout], [1, ''])
  assert.match(again.stderr, /holds keyring .* not replaced/)
  assert.equal(readFileSync(path, 'utf8'), text)
})

test('admin recover works on any node, and the others take the key at once', async (t) => {
  const env = await installation(t)
  const [first, second] = [await node(t, env), await node(t, env)]
  const recovered = await second.credence(['admin', 'recover'], '', env)
  assert.equal(recovered.code, 0, recovered.stderr)
  const key = readFileSync(join(second.dataPath, 'admin.key'), 'utf8').trim()
  assert.notEqual(key, first.adminKey)
  for (const server of [first, second]) assert.equal((await asked(server, key)).status, 200)
})

test('a first start that was cut off leaves no key behind that is none, and none that nobody has', async (t) => {
  const env = await installation(t)
  const first = await node(t, env)
  const path = join(first.dataPath, 'admin.key')
  // As if it had died after the commit, before the file got its name.
  renameSync(path, `${path}.new`)
  const again = await node(t, env, first.dataPath)
  assert.equal(again.adminKey, first.adminKey)
  // As if it had died before the commit, and another had made the first start.
  const late = folder(t)
  const unknown = first.adminKey.replace(/_[0-9A-Za-z]{50}$/, `_${'0'.repeat(50)}`)
  writeFileSync(join(late, 'admin.key.new'), unknown, { mode: 0o600 })
  const other = await node(t, env, late)
  assert.equal(other.adminKey, '')
  assert.ok(!existsSync(join(late, 'admin.key.new')))
})

test('without its database a node says that it cannot know, and comes back by itself', async (t) => {
  const own = await startCluster({ isDurable: true })
  t.after(() => own.remove())
  const env = { ...(await installation(t)), CREDENCE_DATABASE_URL: await own.database() }
  const server = await node(t, env)
  const unknown = { authorization: `Bearer ${server.adminKey.slice(0, -50)}${'0'.repeat(44)}000000` }
  const ready = () => request(`${server.api}/readyz`, 'GET').then(({ status }) => status)
  assert.equal(await ready(), 200)
  await own.kill()
  await eventually('it is not ready', async () => (await ready()) === 503)
  const status = async () => (await asked(server, server.adminKey)).status
  await eventually('it cannot know', async () => (await status()) === 503)
  assert.notEqual((await request(`${server.api}/v1/apis`, 'GET', undefined, unknown)).status, 200)
  await own.start()
  await eventually('it is back', async () => (await status()) === 200 && (await ready()) === 200)
})

test('migrate plans and migrates store and usage; a start that only checks then has nothing to refuse', async (t) => {
  const env = { ...(await installation(t)), CREDENCE_MIGRATE: 'check' }
  const data = { CREDENCE_DATA: folder(t) }
  const refused = await startRefused({ env, dataPath: data.CREDENCE_DATA })
  assert.match(refused.stderr, /lacks migrations 1/)
  const planned = await runCommand(['migrate', '--plan'], { ...env, ...data })
  assert.match(
    planned.stdout,
    /^schema at version 0\n {2}would apply 1 .*\nusage at version 0\n {2}would apply 1 /s,
  )
  const migrated = await runCommand(['migrate'], { ...env, ...data })
  assert.deepEqual([migrated.code, migrated.stdout.endsWith('done\n')], [0, true], migrated.stderr)
  const after = await runCommand(['migrate', '--plan'], { ...env, ...data })
  assert.equal(after.stdout.match(/nothing to do/g)?.length, 2)
  await node(t, env)
})
