import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatKey, generateId, generateSecret } from '@credence/core'
import { startCluster as startPostgres } from '@credence/server/testing/postgres-cluster'
import type { FromNode, ToNode } from './cluster-node.ts'
import { FAIR, Link } from './link.ts'

type Database = Awaited<ReturnType<typeof startPostgres>>

export interface ClusterSettings {
  readonly nodes: number
  /** Settings of every node. */
  readonly env?: Readonly<Record<string, string>>
  /** The negative control: caches that never ask. */
  readonly lease?: 'endless'
  /** Whether what the database acknowledges survives a SIGKILL. */
  readonly isDurable?: boolean
}

export interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

export interface Asking {
  readonly withinMs?: number
  readonly headers?: Readonly<Record<string, string>>
}

const START_MS = 30_000

/** A server process of its own, with its own link to the database. */
export class ClusterNode {
  readonly name: string
  readonly link: Link
  readonly #env: Readonly<Record<string, string>>
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  #child: ChildProcess | null = null
  #said = ''
  #api = 0

  constructor(name: string, link: Link, env: Readonly<Record<string, string>>) {
    this.name = name
    this.link = link
    this.#env = env
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'cluster-node.ts')], {
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    const killWithParent = () => child.kill('SIGKILL')
    process.once('exit', killWithParent)
    child.once('exit', () => process.off('exit', killWithParent))
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-8000)
      })
    }
    const { ready } = await this.#heard('ready')
    this.#api = ready.api
  }

  /** As a load balancer has it: a connection that is kept, and an answer within `withinMs` or none. */
  ask(method: string, path: string, key: string, body?: unknown, options: Asking = {}): Promise<Answer> {
    const { withinMs = 10_000 } = options
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...options.headers }
    return new Promise((resolve, reject) => {
      const asked = httpRequest(
        { host: '127.0.0.1', port: this.#api, method, path, headers, agent: this.#agent, timeout: withinMs },
        (response) => {
          let answer = ''
          response.setEncoding('utf8').on('data', (part: string) => {
            answer += part
          })
          response.on('end', () => {
            const parsed = (answer === '' ? {} : JSON.parse(answer)) as Record<string, unknown>
            resolve({ status: response.statusCode!, body: parsed, headers: response.headers })
          })
          response.on('error', reject)
        },
      )
      asked.on('timeout', () => asked.destroy(new Error('no answer in time')))
      asked.on('error', reject)
      asked.end(text)
    })
  }

  /** Sets its wall clock ahead, or back. */
  async setClock(clockOffsetMs: number): Promise<void> {
    const heard = this.#heard('clockOffsetMs')
    this.#child?.send({ clockOffsetMs } satisfies ToNode)
    await heard
  }

  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGCONT')
    child.kill(signal)
    await ended
  }

  /** What it wrote last, for a test that fails. */
  get said(): string {
    return this.#said
  }

  /** The next message that has a member. */
  #heard<M extends 'ready' | 'clockOffsetMs'>(member: M): Promise<Extract<FromNode, Record<M, unknown>>> {
    const child = this.#child!
    return new Promise((resolve, reject) => {
      const problem = (what: string) => reject(new Error(`${this.name} ${what}:\n${this.#said}`))
      const late = setTimeout(() => problem('did not answer in time'), START_MS)
      const ended = (code: number | null) => problem(`ended with ${code}`)
      const listen = (message: FromNode) => {
        if (!(member in message)) return
        clearTimeout(late)
        child.off('message', listen).off('exit', ended)
        resolve(message as Extract<FromNode, Record<M, unknown>>)
      }
      child.on('message', listen).once('exit', ended)
    })
  }
}

/** Several server processes on one real PostgreSQL, each behind a link of its own. */
export interface Cluster {
  readonly nodes: readonly ClusterNode[]
  readonly database: Database
  readonly databaseUrl: string
  /** Of the workspace `default`. */
  readonly adminKey: string
  /** Fair weather, real clocks, all nodes awake. */
  readonly heal: () => Promise<void>
  readonly close: () => Promise<void>
}

export async function startCluster(settings: ClusterSettings): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'credence-cluster-'))
  const database = await startPostgres({ isDurable: settings.isDurable ?? false })
  const databaseUrl = await database.database()
  const { files, adminKey } = secretsIn(folder)
  const nodes: ClusterNode[] = []
  for (let number = 1; number <= settings.nodes; number++) {
    const link = await Link.to(database.port)
    const url = new URL(databaseUrl)
    url.port = String(link.port)
    const name = `node-${number}`
    const data = join(folder, name)
    mkdirSync(data, { mode: 0o700 })
    const env = {
      CREDENCE_DATA: data,
      CREDENCE_DATABASE_URL: url.href,
      CREDENCE_NODE_NAME: name,
      CREDENCE_LISTEN: '127.0.0.1:0',
      CREDENCE_GATEWAY_LISTEN: '127.0.0.1:0',
      CREDENCE_LOG: 'json',
      CREDENCE_LOG_LEVEL: 'error',
      ...files,
      ...(settings.lease && { CLUSTER_LEASE: settings.lease }),
      ...settings.env,
    }
    nodes.push(new ClusterNode(name, link, env))
  }
  const close = async () => {
    for (const { link } of nodes) link.set(FAIR)
    await Promise.all(nodes.map((node) => node.stop('SIGKILL')))
    await Promise.all(nodes.map(({ link }) => link.close()))
    await database.remove()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    // All at once: exactly one of them makes the workspace.
    await Promise.all(nodes.map((node) => node.start()))
  } catch (error) {
    await close()
    throw error
  }
  const heal = async () => {
    for (const node of nodes) {
      node.link.set(FAIR)
      node.resume()
      await node.setClock(0)
    }
  }
  return { nodes, database, databaseUrl, adminKey, heal, close }
}

/** The keyring and the admin key that every node is given, as an operator gives them. */
function secretsIn(folder: string): { files: Record<string, string>; adminKey: string } {
  const keyring = join(folder, 'keyring.json')
  const material = randomBytes(32).toString('base64url')
  const keys = [{ id: 'k1', created_at: new Date().toISOString(), material }]
  writeFileSync(keyring, JSON.stringify({ format: 1, keys, current: 'k1' }))
  chmodSync(keyring, 0o600)
  const adminKey = formatKey('crd_live', generateId(randomBytes), generateSecret(randomBytes))
  const adminFile = join(folder, 'admin.key')
  writeFileSync(adminFile, adminKey, { mode: 0o600 })
  return { files: { CREDENCE_KEYRING: keyring, CREDENCE_ADMIN_KEY_FILE: adminFile }, adminKey }
}
