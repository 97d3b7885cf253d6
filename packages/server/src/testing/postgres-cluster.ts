import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { isRoot, postgresBinaries } from './postgres-binaries.ts'

export interface ClusterOptions {
  /** Whether what is committed survives a crash; contract runs do without, tests of durability must not. */
  readonly isDurable: boolean
  /** Entries of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A PostgreSQL of its own, with its data in a temporary folder. */
export interface Cluster {
  readonly port: number
  readonly folder: string
  /** URL of a new, empty database, for a user that owns it and is nobody's superuser. */
  readonly database: () => Promise<string>
  /** As the superuser, in the database of a URL. */
  readonly run: (url: string, sql: string) => Promise<Record<string, unknown>[]>
  /** As a shutdown does that waits for nobody. */
  readonly stop: () => Promise<void>
  /** SIGKILL: what was not durable is gone. */
  readonly kill: () => Promise<void>
  /** Again, after stop or kill, with the same data on the same port. */
  readonly start: () => Promise<void>
  /** Stops it and removes its data. */
  readonly remove: () => Promise<void>
}

const START_MS = 30_000
const SUPERUSER = 'postgres'
/** The user of every test's database. What it is called and its password are searched for in what is printed. */
export const TEST_USER = 'credence_app'
export const TEST_PASSWORD = 'pg-canary-1f3a'

export async function startCluster({ isDurable, settings = {} }: ClusterOptions): Promise<Cluster> {
  const { initdb, postgres } = postgresBinaries()
  const owner = unprivileged()
  const folder = await mkdtemp(join(tmpdir(), 'credence-postgres-'))
  const passwordFile = join(folder, 'password')
  const data = join(folder, 'data')
  const password = randomBytes(12).toString('hex')
  await writeFile(passwordFile, password)
  if (owner !== null) for (const path of [folder, passwordFile]) await chown(path, owner.uid, owner.gid)
  // Names in the order of a language, so that whatever counts on the order of bytes is found out.
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US']
  const access = [`--username=${SUPERUSER}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`]
  await promisify(execFile)(initdb, [`--pgdata=${data}`, '--no-sync', ...locale, ...access], { ...owner })
  const port = await freePort()
  const flags = {
    ...{ listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '' },
    ...(isDurable ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...{ log_min_messages: 'log', ...settings },
  }
  const args = ['-D', data, ...Object.entries(flags).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  let child: ChildProcess | null = null
  const start = async () => {
    child = await startServer(postgres, args, owner)
  }
  const end = async (signal: NodeJS.Signals) => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  await start()
  const asSuperuser = (database: string, sql: string) =>
    query({ port, user: SUPERUSER, password, database }, sql)
  await asSuperuser('postgres', `CREATE ROLE ${TEST_USER} LOGIN PASSWORD '${TEST_PASSWORD}'`)
  let made = 0
  return {
    port,
    folder: data,
    database: async () => {
      const name = `test_${++made}`
      await asSuperuser('postgres', `CREATE DATABASE ${name} OWNER ${TEST_USER}`)
      return `postgres://${TEST_USER}:${TEST_PASSWORD}@127.0.0.1:${port}/${name}`
    },
    run: (url, sql) => asSuperuser(new URL(url).pathname.slice(1), sql),
    start,
    stop: () => end('SIGINT'),
    kill: () => end('SIGKILL'),
    remove: async () => {
      await end('SIGINT')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Resolves when it takes connections. Whatever ends the test process ends it too. */
async function startServer(
  postgres: string,
  args: readonly string[],
  owner: { uid: number; gid: number } | null,
): Promise<ChildProcess> {
  const endMs = Date.now() + START_MS
  for (;;) {
    const child = spawn(postgres, args, { ...owner, stdio: ['ignore', 'ignore', 'pipe'] })
    const killWithParent = () => child.kill('SIGKILL')
    process.once('exit', killWithParent)
    child.once('exit', () => process.off('exit', killWithParent))
    let said = ''
    const isReady = await new Promise<boolean>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-4000)
        if (/ready to accept (?:read-only )?connections/.test(said)) resolve(true)
      })
      child.once('exit', () => resolve(false))
    })
    if (isReady) return child
    // After a SIGKILL the one before may take a moment to let go of its shared memory.
    if (Date.now() > endMs || !/shared memory|lock file/.test(said))
      throw new Error(`PostgreSQL did not start:\n${said}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function query(
  to: { port: number; user: string; password: string; database: string },
  sql: string,
): Promise<Record<string, unknown>[]> {
  const client = new Client({ host: '127.0.0.1', ...to })
  await client.connect()
  try {
    const result = await client.query<Record<string, unknown>>(sql)
    return result.rows
  } finally {
    await client.end()
  }
}

/** Whom PostgreSQL runs as where this process is root's; null: as this process. */
function unprivileged(): { uid: number; gid: number } | null {
  if (!isRoot()) return null
  const idOf = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
