import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { access, constants, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { deadUrl, startFakeServer } from './testing/fake-server.ts'
import { TEST_KEY } from './testing/run-against.ts'
import { SECRET, sampleApi } from './testing/sample-resources.ts'

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))

async function credence(t: TestContext, args: string[], env: Record<string, string>, stdin = '') {
  const home = await mkdtemp(join(tmpdir(), 'credence-cli-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  const child = spawn(process.execPath, [MAIN, ...args], { env: { HOME: home, CREDENCE_DATA: home, ...env } })
  child.stdin.end(stdin)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { exitCode: await ended, stdout, stderr }
}

test('the command can be executed as a file', async () => {
  await access(MAIN, constants.X_OK)
})

test('the process reads the key from standard input, writes a whole long list to a pipe and ends by itself', async (t) => {
  const apis = Array.from({ length: 100 }, (_, i) =>
    sampleApi({ name: `api-${i}`, metadata: { note: 'x'.repeat(5000) } }),
  )
  const server = await startFakeServer({ 'GET /v1/apis': { body: { items: apis, next_cursor: null } } })
  t.after(() => server.stop())
  const result = await credence(
    t,
    ['apis', 'list', '--all', '--url', server.url, '--key', '-'],
    {},
    `${TEST_KEY}\n`,
  )
  assert.equal(result.stderr, '')
  assert.equal(result.exitCode, 0)
  assert.deepEqual(JSON.parse(result.stdout), apis)
  assert.equal(server.requests[0]?.headers.authorization, `Bearer ${TEST_KEY}`)
})

test("the process's exit code is the verdict", async (t) => {
  const verdict = { valid: false, code: 'REVOKED', credential: null, principal: null, scopes: [], limits: [] }
  const server = await startFakeServer({ 'POST /v1/verify': { body: verdict } })
  t.after(() => server.stop())
  const env = { CREDENCE_URL: server.url, CREDENCE_KEY: TEST_KEY }
  assert.equal((await credence(t, ['verify', '--api', 'orders'], env, SECRET)).exitCode, 1)
  assert.equal((await credence(t, ['verify'], env, SECRET)).exitCode, 2)
  assert.equal((await credence(t, ['apis', 'list'], { ...env, CREDENCE_URL: await deadUrl() })).exitCode, 6)
})
