import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chown, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Cluster, startCluster, TEST_PASSWORD, TEST_USER } from '../testing/postgres-cluster.ts'
import { newDatabase, sharedCluster } from '../testing/postgres-fixture.ts'
import { openPostgresAt } from '../testing/postgres-store.ts'
import { StoreFault } from './port.ts'
import { addressOf } from './postgres.ts'
import { PostgresConnection } from './postgres-connection.ts'
import { checkSession } from './postgres-session.ts'
import { openPostgresUsageStore } from './postgres-usage.ts'
import { temporaryFolder } from './testing/sqlite-fixture.ts'

/** What a start is refused with: a sentence that gives nothing of the URL away. */
async function refusal(url: string): Promise<string> {
  const opened = await openPostgresAt(url).then(
    (store) => store.close(),
    (error: unknown) => error,
  )
  assert.ok(opened instanceof StoreFault, 'the database was accepted')
  const { password, username } = new URL(url)
  for (const secret of [password, username, TEST_PASSWORD])
    assert.ok(secret === '' || !`${opened.message} ${opened.stack}`.includes(secret))
  assert.equal(opened.cause, undefined)
  return opened.message
}

const GOOD = {
  version: '18.4',
  version_number: 180004,
  encoding: 'UTF8',
  read_only: 'off',
  is_replica: false,
  schema: 'public',
  synchronous_commit: 'on',
}

test('a server that must not be used is refused in a sentence that says why', () => {
  assert.deepEqual(checkSession(GOOD), { schema: 'public' })
  for (const synchronous_commit of ['local', 'remote_write', 'remote_apply'])
    checkSession({ ...GOOD, synchronous_commit })
  const bad: [object, RegExp][] = [
    [{ version: '13.23', version_number: 130023 }, /PostgreSQL 13\.23; the oldest .* is 14/],
    [{ version_number: null }, /oldest/],
    [{ is_replica: true, read_only: 'on' }, /read replica.*primary/],
    [{ read_only: 'on' }, /read-only/],
    [{ synchronous_commit: 'off' }, /synchronous_commit is off.*acknowledged.*RESET/],
    [{ encoding: 'LATIN1' }, /LATIN1.*UTF8/],
    [{ schema: null }, /schema/],
  ]
  for (const [change, expected] of bad)
    assert.throws(
      () => checkSession({ ...GOOD, ...change }),
      (error) => {
        return error instanceof StoreFault && expected.test(error.message)
      },
    )
  assert.throws(() => checkSession(undefined), StoreFault)
})

test('synchronous_commit = off is refused, be it of the user, the database or the server', async () => {
  const cluster = await startCluster({ isDurable: false })
  try {
    const url = await cluster.database()
    const name = new URL(url).pathname.slice(1)
    for (const [off, on] of [
      [`ALTER ROLE ${TEST_USER} SET synchronous_commit = off`, `ALTER ROLE ${TEST_USER} RESET ALL`],
      [`ALTER DATABASE ${name} SET synchronous_commit = off`, `ALTER DATABASE ${name} RESET ALL`],
    ] as const) {
      await cluster.run(url, off)
      assert.match(await refusal(url), /synchronous_commit is off/)
      await cluster.run(url, on)
    }
    const connection = await openConnection(url)
    await cluster.run(url, 'ALTER SYSTEM SET synchronous_commit = off')
    await cluster.run(url, 'SELECT pg_reload_conf()')
    assert.match(await refusal(url), /synchronous_commit is off/)
    await assert.rejects(
      openPostgresUsageStore({ url, migrate: 'auto', clock: Date.now }),
      /synchronous_commit is off/,
    )
    // A session that was opened before stays durable.
    assert.equal(await shown(connection, 'synchronous_commit'), 'on')
    await connection.end()
  } finally {
    await cluster.remove()
  }
})

test('a read replica is refused', async () => {
  const cluster = await startCluster({ isDurable: false })
  try {
    const url = await cluster.database()
    await (await openPostgresAt(url)).close()
    await cluster.stop()
    await writeOwned(cluster, 'standby.signal', '')
    await cluster.start()
    assert.match(await refusal(url), /read replica/)
    await cluster.stop()
    await rm(join(cluster.folder, 'standby.signal'))
    await cluster.start()
    await (await openPostgresAt(url)).close()
  } finally {
    await cluster.remove()
  }
})

test('whoever is not let in, and whatever is not there, is told without user and password', async () => {
  const url = await newDatabase()
  const change = (parts: Partial<URL>) => Object.assign(new URL(url), parts).href
  assert.match(
    await refusal(change({ password: 'wrong-canary' })),
    /refuses the user or its password \(28P01\)/,
  )
  assert.match(await refusal(change({ username: 'nobody-canary' })), /refuses the user or its password/)
  assert.match(await refusal(change({ password: '' })), /asks for a password, and the URL holds none/)
  assert.match(await refusal(change({ pathname: '/nowhere' })), /no such database \(3D000\)/)
  assert.match(await refusal(change({ port: '1' })), /cannot be reached \(ECONNREFUSED\)/)
  assert.match(await refusal(`${url}?sslmode=verify-full`), /does not speak TLS/)
  assert.match(
    await refusal('postgres://user-canary:p-canary@nowhere.invalid/c?sslmode=disable'),
    /cannot be reached \(E/,
  )
  assert.match(
    await refusal(`${url}?sslmode=verify-full&sslrootcert=/no/such/file`),
    /file that the URL names.*ENOENT/,
  )
  assert.match(await refusal(`${url}?options=-c%20search_path%3Dnowhere`), /schema/)
})

test('a database that cannot hold every name, or takes no writes, is refused', async () => {
  const { run, port } = await sharedCluster()
  const url = await newDatabase()
  const name = new URL(url).pathname.slice(1)
  await run(
    url,
    `CREATE DATABASE ${name}_latin OWNER ${TEST_USER} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc`,
  )
  assert.match(await refusal(`${url}_latin`), /LATIN1/)
  await run(url, `ALTER DATABASE ${name} SET default_transaction_read_only = on`)
  assert.match(await refusal(url), /read-only/)
  assert.equal(new URL(url).port, String(port))
})

test('every session has its bounds, says whose it is, and stays in the one schema it found', async (t) => {
  const url = await newDatabase()
  const name = new URL(url).pathname.slice(1)
  const { run } = await sharedCluster()
  await run(
    url,
    `ALTER DATABASE ${name} SET statement_timeout = 999; ALTER DATABASE ${name} SET lock_timeout = 999`,
  )
  await run(url, `ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`)
  const connection = await openConnection(url)
  t.after(() => connection.end())
  const expected = {
    application_name: 'credence tests',
    statement_timeout: '7s',
    lock_timeout: '3s',
    idle_in_transaction_session_timeout: '5s',
    search_path: 'public',
    tcp_keepalives_idle: '10',
  }
  for (const [setting, value] of Object.entries(expected))
    assert.equal(await shown(connection, setting), value)
  const sql = "SELECT current_setting('transaction_isolation') AS level"
  const outcome = await connection.transaction([{ sql, values: [], isCommon: false }], 5000)
  assert.ok(outcome.type === 'committed')
  assert.deepEqual(outcome.rows, [[{ level: 'read committed' }]])
})

test('with verify-full only the server that the certificate names is talked to', async () => {
  const folder = await temporaryFolder()
  const cluster = await startCluster({ isDurable: false })
  try {
    const [own, other] = [certificateFor(folder, 'localhost'), certificateFor(folder, 'elsewhere')]
    await writeOwned(cluster, 'server.crt', own.cert)
    await writeOwned(cluster, 'server.key', own.key)
    const url = await cluster.database()
    await cluster.run(url, 'ALTER SYSTEM SET ssl = on')
    await cluster.stop()
    await cluster.start()
    const at = (host: string, parameters: string) =>
      `${Object.assign(new URL(url), { hostname: host }).href}?sslmode=${parameters}`
    const store = await openPostgresAt(at('localhost', `verify-full&sslrootcert=${own.path}`))
    const tls = await cluster.run(
      url,
      `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = '${TEST_USER}'`,
    )
    assert.deepEqual(new Set(tls.map(({ ssl }) => ssl)), new Set([true]))
    await store.close()
    await (await openPostgresAt(at('127.0.0.1', 'no-verify'))).close()
    for (const mode of ['verify-full', 'verify-ca', 'require']) {
      assert.match(await refusal(at('localhost', mode)), /SELF_SIGNED|UNABLE_TO_VERIFY/)
      assert.match(
        await refusal(at('localhost', `${mode}&sslrootcert=${other.path}`)),
        /SELF_SIGNED|UNABLE_TO/,
      )
      assert.match(await refusal(at('127.0.0.1', `${mode}&sslrootcert=${own.path}`)), /ALTNAME/)
    }
  } finally {
    await cluster.remove()
  }
})

function openConnection(url: string): Promise<PostgresConnection> {
  const bounds = { connectMs: 5000, statementMs: 7000, lockMs: 3000 }
  return PostgresConnection.open({ address: addressOf(url), use: 'tests', ...bounds })
}

async function shown(connection: PostgresConnection, setting: string): Promise<unknown> {
  const sql = `SELECT current_setting('${setting}') AS value`
  return (await connection.rows({ sql, values: [], isCommon: false }, 5000))[0]?.value
}

/** A file in the cluster's folder, its owner's alone, as PostgreSQL demands of a key. */
async function writeOwned({ folder }: Cluster, name: string, text: string): Promise<void> {
  const path = join(folder, name)
  await writeFile(path, text, { mode: 0o600 })
  const { uid, gid } = await stat(folder)
  await chown(path, uid, gid)
}

function certificateFor(folder: string, name: string): { cert: string; key: string; path: string } {
  const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)]
  const kind = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ]
  const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  execFileSync('openssl', [...kind, ...names, ...files], { stdio: 'ignore' })
  const read = (path: string) => execFileSync('cat', [path], { encoding: 'utf8' })
  return { cert: read(files[3]!), key: read(files[1]!), path: files[3]! }
}
