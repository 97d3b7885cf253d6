/**
 * The README's first command as a stranger runs it: a clone in an empty folder, `npm ci && npm start` with the
 * machine's own Node, then an API, a key, a verify that says VALID and one that refuses. Prints how long it took.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { groupLives, killGroup } from './process-group.ts'

const READY_WITHIN_MS = 30_000

const root = resolve(import.meta.dirname, '..')
const folder = await mkdtemp(join(tmpdir(), 'credence-clean-clone-'))
let server: ChildProcess | undefined
try {
  const clone = join(folder, 'credence')
  const data = join(folder, 'data')
  const url = `http://127.0.0.1:${await freePort()}`
  const env = {
    ...strangersEnvironment(),
    CREDENCE_DATA: data,
    CREDENCE_LISTEN: url.slice('http://'.length),
    CREDENCE_GATEWAY_LISTEN: `127.0.0.1:${await freePort()}`,
  }
  execFileSync('git', ['clone', '--quiet', root, clone], { stdio: 'inherit' })
  timed('npm ci', () => execFileSync('npm', ['ci', '--silent'], { cwd: clone, env, stdio: 'inherit' }))

  const start = performance.now()
  server = spawn('npm', ['start', '--silent'], { cwd: clone, env, stdio: 'inherit', detached: true })
  await ready(url, server)
  const adminKey = (await readFile(join(data, 'admin.key'), 'utf8')).trim()
  await mainJob(url, adminKey)
  console.log(`clean clone: npm start to a verified request in ${since(start)}`)
  await stop(server)
} finally {
  if (server?.pid !== undefined) killGroup(server.pid)
  await rm(folder, { recursive: true, force: true })
}

async function mainJob(url: string, adminKey: string): Promise<void> {
  const call = async (path: string, body: unknown, expected: number) => {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    assert.equal(response.status, expected, `POST ${path}: ${text}`)
    return JSON.parse(text)
  }
  const routes = [{ method: 'GET', path: '/orders/*', scopes: ['orders:read'] }]
  await call('/v1/apis', { name: 'orders', audience: 'https://orders.example', routes }, 201)
  const wanted = { kind: 'api_key', api: 'orders', principal: 'billing', scopes: ['orders:read'] }
  const { secret } = await call('/v1/credentials', wanted, 201)

  const verify = (method: string, credential: string) =>
    call('/v1/verify', { credential, api: 'orders', request: { method, path: '/orders/7' } }, 200)
  assert.equal((await verify('GET', secret)).code, 'VALID')
  assert.equal((await verify('POST', secret)).code, 'ROUTE_UNKNOWN')
  const broken = secret.slice(0, -1) + (secret.endsWith('0') ? '1' : '0')
  assert.equal((await verify('GET', broken)).code, 'MALFORMED')
}

/** Polls readiness, as an operator's load balancer would. */
async function ready(url: string, child: ChildProcess): Promise<void> {
  const until = performance.now() + READY_WITHIN_MS
  while (performance.now() < until) {
    assert.equal(child.exitCode, null, 'npm start ended before it was ready')
    const response = await fetch(`${url}/readyz`).catch(() => null)
    if (response?.status === 200) return
    await delay(20)
  }
  throw new Error(`not ready within ${READY_WITHIN_MS} ms`)
}

/** SIGTERM to the group, as a terminal's Ctrl-C would reach npm and the server; it must end by itself. */
async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  process.kill(-child.pid!, 'SIGTERM')
  const late = delay(READY_WITHIN_MS, 'late', { ref: false })
  assert.notEqual(await Promise.race([ended, late]), 'late', 'npm start did not end after SIGTERM')
  // npm does not wait for the server, which still writes into its data folder.
  const until = performance.now() + READY_WITHIN_MS
  while (groupLives(child.pid!)) {
    assert.ok(performance.now() < until, 'the server outlived npm start')
    await delay(20)
  }
}

/** Without what npm adds for the scripts of this checkout: the clone must find its own pinned node. */
function strangersEnvironment(): NodeJS.ProcessEnv {
  const path = (process.env.PATH ?? '').split(delimiter).filter((part) => !part.includes('node_modules'))
  const ours =
    /^(npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix).*|INIT_CWD|NODE|CREDENCE_.*)$/
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)))
  return { ...env, PATH: path.join(delimiter) }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

function timed(what: string, work: () => void): void {
  const start = performance.now()
  work()
  console.log(`clean clone: ${what} in ${since(start)}`)
}

function since(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`
}
