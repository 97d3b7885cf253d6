import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { TEST_PASSWORD, TEST_USER } from '@credence/server/testing/postgres-cluster'
import { newDatabase } from '@credence/server/testing/postgres-fixture'
import { type RunningServer, runCommand, startServer, temporaryFolder } from '../running-server.ts'

interface Issued {
  readonly secret: string
  readonly credential: { readonly id: string }
}

const root = temporaryFolder()
const servers: RunningServer[] = []
after(async () => {
  for (const server of servers) await server.kill()
  rmSync(root, { recursive: true, force: true })
})

async function started(dataPath: string, env: Record<string, string> = {}): Promise<RunningServer> {
  const server = await startServer({ dataPath, env })
  servers.push(server)
  return server
}

async function issue(at: RunningServer, principal: string): Promise<Issued> {
  const body = { kind: 'api_key', api: 'orders', scopes: ['orders:read'], principal }
  const answer = await at.request<Issued>('POST', '/v1/credentials', body)
  assert.equal(answer.status, 201, answer.text)
  return answer.body
}

async function verdicts(at: RunningServer, ...issued: Issued[]): Promise<string[]> {
  const ask = ({ secret }: Issued) =>
    at.request<{ code: string }>('POST', '/v1/verify', { credential: secret, api: 'orders' })
  return (await Promise.all(issued.map(ask))).map(({ body }) => body.code)
}

it('an installation moves to PostgreSQL and back, with every key as it was, and its password is in no output', async () => {
  const [embedded, node, back] = ['embedded', 'node', 'back'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ]
  const url = await newDatabase()
  const first = await started(embedded)
  const api = { name: 'orders', audience: 'https://orders.example', scopes: ['orders:read'] }
  assert.equal((await first.request('POST', '/v1/apis', api)).status, 201)
  const [stays, revoked] = [await issue(first, 'stays'), await issue(first, 'revoked')]
  const path = `/v1/credentials/${revoked.credential.id}/revoke`
  assert.equal((await first.request('POST', path, { reason: 'leaked' })).status, 200)
  await first.stop()

  writeFileSync(join(root, 'url'), `${url}\n`, { mode: 0o600 })
  const out = await runCommand(['store', 'copy', '--to-file', join(root, 'url')], { CREDENCE_DATA: embedded })
  assert.equal(out.code, 0, out.stderr)
  assert.match(out.stderr, /^✓ sqlite:\S+ was copied to postgres:\/\/127\.0\.0\.1:\d+\/test_\d+$/m)

  for (const folder of [node, back]) {
    mkdirSync(folder, { mode: 0o700 })
    for (const name of ['keyring.json', 'admin.key']) cpSync(join(embedded, name), join(folder, name))
  }
  const shared = await started(node, { CREDENCE_DATABASE_URL: url })
  assert.deepEqual(await verdicts(shared, stays, revoked), ['VALID', 'REVOKED'])
  const later = await issue(shared, 'later')
  const env = { CREDENCE_DATA: node, CREDENCE_DATABASE_URL: url }
  const backup = await runCommand(['backup', '--to', join(root, 'no.db')], env)
  assert.equal(backup.code, 1)
  assert.match(backup.stderr, /the store is PostgreSQL .* pg_dump/)
  await shared.stop()

  const returned = await runCommand(['store', 'copy', '--to', `sqlite:${back}`], env)
  assert.equal(returned.code, 0, returned.stderr)
  const last = await started(back)
  assert.deepEqual(await verdicts(last, stays, revoked, later), ['VALID', 'REVOKED', 'VALID'])
  for (const { stdout, stderr } of [out, backup, returned]) {
    for (const text of [TEST_USER, TEST_PASSWORD]) assert.ok(!`${stdout}${stderr}`.includes(text))
  }
})
