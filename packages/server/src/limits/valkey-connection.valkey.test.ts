import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { freePort, startRedis } from '../testing/redis-fixture.ts'
import { openConnection } from './testing/connection.ts'
import type { ValkeyConnection } from './valkey-connection.ts'
import type { ValkeyScript } from './valkey-script.ts'

function script(text: string): ValkeyScript {
  return { text, sha1: createHash('sha1').update(text).digest('hex') }
}
const COUNT = script("return redis.call('INCR', KEYS[1])")

function count(connection: ValkeyConnection): Promise<unknown> {
  return connection.run(COUNT, ['n'], [])
}

/** Tries until it can be asked. */
async function answers(connection: ValkeyConnection): Promise<unknown> {
  const deadlineMs = Date.now() + 10_000
  for (;;) {
    try {
      return await count(connection)
    } catch (error) {
      if (Date.now() > deadlineMs) throw error
      await delay(20)
    }
  }
}

async function refusalOf(connection: ValkeyConnection): Promise<{ error: Error; tookMs: number }> {
  const startMs = performance.now()
  try {
    await count(connection)
  } catch (error) {
    assert.ok(error instanceof Error)
    return { error, tookMs: performance.now() - startMs }
  }
  assert.fail('it was answered')
}

test('a script runs on a server that does not know it yet, and after the server forgot it', async () => {
  const redis = await startRedis()
  const { connection } = await openConnection(redis)
  assert.equal(await count(connection), 1)
  await redis.command('SCRIPT FLUSH')
  assert.deepEqual(await Promise.all([count(connection), count(connection)]), [2, 3])
})

test('while the server is down every call fails at once and none is queued; when it is back, all is well', async () => {
  const redis = await startRedis()
  const { connection, told } = await openConnection(redis)
  assert.equal(await count(connection), 1)
  await redis.kill()
  await refusalOf(connection)
  for (let time = 0; time < 50; time++) {
    const { tookMs } = await refusalOf(connection)
    assert.ok(tookMs < 200, `${tookMs} ms`)
  }
  await redis.restart()
  // Nothing of what failed was carried out later.
  assert.equal(await answers(connection), 1)
  assert.equal(told[0], 'ready')
  assert.equal(told.at(-1), 'ready')
  assert.ok(told.length <= 5, told.join('; '))
})

test('a server that hangs costs a call half a second, and is asked again when it goes on', async () => {
  const redis = await startRedis()
  const { connection } = await openConnection(redis)
  assert.equal(await count(connection), 1)
  redis.pause()
  try {
    const { tookMs } = await refusalOf(connection)
    assert.ok(tookMs >= 400 && tookMs < 4000, `${tookMs} ms`)
  } finally {
    redis.resume()
  }
  await answers(connection)
})

test('to connect where nobody listens ends soon, and so does to close it', async () => {
  const redis = await startRedis()
  await redis.kill()
  const startMs = performance.now()
  const { connection, told, close } = await openConnection(redis)
  await refusalOf(connection)
  await close()
  assert.ok(performance.now() - startMs < 3000)
  assert.equal(told.length, 1)
  assert.match(told[0]!, /ECONNREFUSED/)
})

test('user, password and database are those of the address, and no error tells the password', async () => {
  const password = 'Correct-Horse-7'
  const redis = await startRedis(['--requirepass', password])
  const right = await openConnection(redis, { password, database: 3 })
  assert.equal(await count(right.connection), 1)
  const other = await openConnection(redis, { username: 'default', password, database: 4 })
  assert.equal(await count(other.connection), 1)

  const wrong = `Wrong-${password}`
  for (const address of [{ password: wrong }, { username: 'nobody', password: wrong }]) {
    const { connection, told } = await openConnection(redis, address)
    const { error } = await refusalOf(connection)
    assert.match(told.join(), /WRONGPASS/)
    assert.doesNotMatch(inspect({ told, error }, { showHidden: true, depth: null }), /Horse/)
  }
  const { told } = await openConnection(redis)
  assert.match(told.join(), /NOAUTH/)
})

test('a server that repeats the command at fault does not make the log tell the password', async () => {
  const password = 'Correct-Horse-7'
  // A server without AUTH, as an old or a renamed one is, answers with the words that it was sent.
  const redis = await startRedis(['--rename-command', 'AUTH', '""'])
  const { connection, told } = await openConnection(redis, { password })
  const { error } = await refusalOf(connection)
  assert.match(told.join(), /\[redacted\]/)
  assert.doesNotMatch(inspect({ told, error }, { showHidden: true, depth: null }), /Horse/)
})

/** A self-signed certificate for this machine. */
function makeCertificate(t: TestContext): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'credence-valkey-tls-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const options = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
  execFileSync('openssl', [...options, '-keyout', key, '-out', cert, ...names], { stdio: 'ignore' })
  return { cert, key }
}

/** Connects by TLS in a process of its own, whose trusted certificates are set at its start. */
async function connectWith(port: number, env: Record<string, string>): Promise<string> {
  const text = `
    const { ValkeyConnection } = await import(${JSON.stringify(import.meta.resolve('./valkey-connection.ts'))})
    const address = { host: '127.0.0.1', port: ${port}, username: null, password: null, database: 0, tls: true }
    const told = []
    const tell = (what) => told.push(what)
    const options = { address, random: Math.random, onReady: () => tell('ready'), onDown: tell }
    const connection = await ValkeyConnection.create(options)
    await connection.connect()
    await connection.close()
    console.log(told.join('; '))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (data) => {
    output += String(data)
  })
  await new Promise((resolve) => child.once('close', resolve))
  return output.trim()
}

test('TLS is spoken, and a certificate that nobody trusts is refused', async (t) => {
  const { cert, key } = makeCertificate(t)
  const port = await freePort()
  const tls = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no']
  await startRedis([...tls, '--tls-port', String(port)])
  assert.equal(await connectWith(port, { NODE_EXTRA_CA_CERTS: cert }), 'ready')
  assert.match(await connectWith(port, {}), /self.signed/)
})
