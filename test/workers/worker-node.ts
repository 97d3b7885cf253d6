import type { TestContext } from 'node:test'
import { type RunningServer, type StartOptions, startServer } from '../running-server.ts'
import { Connection } from './connection.ts'

const PATIENCE_MS = 20_000
const POLL_MS = 20

/** A node of several workers, in processes of their own. */
export interface WorkerNode {
  readonly server: RunningServer
  /** Opens connections to a listener until each worker has `each` of them. By the worker's number. */
  readonly connections: (each: number) => Promise<Map<number, Connection[]>>
  /** Process ids of the workers, by number, as of now. */
  readonly pids: () => Map<number, number>
  readonly connect: (url?: string) => Connection
}

export interface NodeOptions extends StartOptions {
  /** The key that connections present; absent: the admin key that the node made. */
  readonly key?: string
}

/** Starts a node; the test that started it need not stop it. */
export async function startNode(
  t: TestContext,
  workers: number,
  options: NodeOptions = {},
): Promise<WorkerNode> {
  const env = { ...options.env, CREDENCE_WORKERS: String(workers) }
  const server = await startServer({ ...options, env })
  const opened: Connection[] = []
  t.after(async () => {
    for (const connection of opened) connection.close()
    await server.stop()
  })
  const connect = (url: string = server.api) => {
    const connection = new Connection(url, options.key ?? server.adminKey)
    opened.push(connection)
    return connection
  }
  return {
    server,
    connect,
    pids: () => pidsIn(server.output().stderr),
    async connections(each) {
      const byWorker = new Map<number, Connection[]>()
      const isEnough = () =>
        byWorker.size === workers && [...byWorker.values()].every(({ length }) => length >= each)
      for (let tries = 0; !isEnough(); tries++) {
        if (tries > workers * each * 20)
          throw new Error(`after ${tries} connections: ${[...byWorker.keys()]}`)
        const connection = connect()
        const worker = await workerOf(connection)
        byWorker.set(worker, [...(byWorker.get(worker) ?? []), connection])
      }
      return byWorker
    },
  }
}

export interface StatusBody {
  readonly worker: number | null
  readonly workers: number
  readonly workers_answering: number
  readonly ready: boolean
  readonly processes: readonly { readonly worker: number | null; readonly leader: boolean }[]
}

/** The number of the worker at the other end. */
export async function workerOf(connection: Connection): Promise<number> {
  const { body, text } = await connection.request<StatusBody>('GET', '/v1/status')
  if (typeof body.worker !== 'number') throw new Error(`no worker answered: ${text}`)
  return body.worker
}

/** The newest process of each worker, out of the primary's log. */
function pidsIn(log: string): Map<number, number> {
  const pids = new Map<number, number>()
  for (const line of log.split('\n')) {
    const entry = line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {}
    if (entry.msg === 'a worker is ready') pids.set(Number(entry.worker), Number(entry.pid))
  }
  return pids
}

/** Whether a process with this id runs. */
export function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Asks again until it is so. @throws Error when it does not come to hold */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`it did not come to hold: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

interface Issued {
  readonly credential: { readonly id: string }
  readonly secret: string
}

/** An API `orders` with the scope orders:read, over one of the node's connections. */
export async function makeOrders(connection: Connection): Promise<void> {
  const api = { name: 'orders', audience: 'https://orders.example', scopes: ['orders:read'] }
  const { status, text } = await connection.request('POST', '/v1/apis', api)
  if (status !== 201) throw new Error(text)
}

/** A key for `orders`. */
export async function issue(connection: Connection, over: Readonly<Record<string, unknown>> = {}) {
  const body = { kind: 'api_key', api: 'orders', principal: 'billing', scopes: ['orders:read'], ...over }
  const {
    status,
    text,
    headers,
    body: issued,
  } = await connection.request<Issued>('POST', '/v1/credentials', body)
  if (status !== 201) throw new Error(text)
  return {
    id: issued.credential.id,
    secret: issued.secret,
    revision: String(headers['credence-revision']),
  }
}

interface VerdictBody {
  readonly code: string
  readonly request_id: string
}

/** The verdict on one secret at `orders`. @param more such as at_least */
export async function verdictOf(
  connection: Connection,
  secret: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<VerdictBody> {
  const asked = { credential: secret, api: 'orders', scopes: 'orders:read', ...more }
  const { status, text, body } = await connection.request<VerdictBody>('POST', '/v1/verify', asked)
  if (status !== 200) throw new Error(`${status} ${text}`)
  return body
}
