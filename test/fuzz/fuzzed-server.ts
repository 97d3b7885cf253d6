import assert from 'node:assert/strict'
import { type RunningServer, startServer } from '../running-server.ts'
import { problemsOf } from './check-answer.ts'
import { RawConnection } from './raw-connection.ts'
import {
  type FuzzRequest,
  type OpenApi,
  type Operation,
  operationsOf,
  requestBytes,
  type Vocabulary,
} from './requests.ts'

export interface Answered<T> {
  readonly status: number
  readonly headers: Headers
  readonly body: T
}

interface Issued {
  readonly credential: { readonly id: string }
  readonly secret: string
}

/** A server in a process of its own with rows to hit, and a key that no request knows about. */
export class FuzzedServer {
  readonly server: RunningServer
  readonly operations: readonly Operation[]
  readonly vocabulary: Vocabulary
  /** Of the API `steady`, which no request names: must work to the end. */
  readonly steadyKey: string
  /** Every position that a write was acknowledged at. */
  readonly acknowledged = new Set<number>()
  /** Answers by status. */
  readonly statuses = new Map<number, number>()
  readonly #idle: RawConnection[] = []

  private constructor(
    server: RunningServer,
    {
      operations,
      vocabulary,
      steadyKey,
    }: { operations: Operation[]; vocabulary: Vocabulary; steadyKey: string },
  ) {
    this.server = server
    this.operations = operations
    this.vocabulary = vocabulary
    this.steadyKey = steadyKey
  }

  static async start(): Promise<FuzzedServer> {
    const server = await startServer({ env: { CREDENCE_LOG: 'off', CREDENCE_GATEWAY_LISTEN: 'off' } })
    try {
      const document = (await (await fetch(`${server.api}/openapi.json`)).json()) as OpenApi
      const planted = await plant(server)
      return new FuzzedServer(server, { operations: operationsOf(document), ...planted })
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  /** Sends a request. @returns what is wrong with the answer */
  async tried(request: FuzzRequest): Promise<string[]> {
    const connection = this.#idle.pop() ?? new RawConnection(Number(new URL(this.server.api).port))
    try {
      const isHead = request.method === 'HEAD'
      const answer = await connection.send(requestBytes(request), isHead)
      const { status } = answer
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
      const position = answer.headers.get('credence-revision')
      if (position !== undefined) this.acknowledged.add(Number(position))
      const problems = problemsOf(answer, isHead)
      if (request.isDescribed && !request.operation.statuses.includes(status)) {
        problems.push(`the document declares no ${status}`)
      }
      return problems.map((problem) => `${problem}: ${answer.body.slice(0, 300)}`)
    } catch (error) {
      return [String(error)]
    } finally {
      this.#idle.push(connection)
    }
  }

  async call<T>(
    method: string,
    path: string,
    body?: unknown,
    key = this.server.adminKey,
  ): Promise<Answered<T>> {
    const answer = await callServer<T>(this.server, { method, path, body, key })
    const position = answer.headers.get('credence-revision')
    if (position !== null) this.acknowledged.add(Number(position))
    return answer
  }

  async stop(): Promise<void> {
    for (const connection of this.#idle) connection.close()
    await this.server.stop()
  }
}

interface Call {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly key?: string
}

async function callServer<T>(server: RunningServer, { method, path, body, key }: Call): Promise<Answered<T>> {
  const response = await fetch(server.api + path, {
    method,
    headers: { authorization: `Bearer ${key ?? server.adminKey}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const { status, headers } = response
  // The tests know what they asked for; a wrong guess fails in their assertions.
  return { status, headers, body: (text === '' ? null : JSON.parse(text)) as T }
}

async function plant(server: RunningServer): Promise<{ vocabulary: Vocabulary; steadyKey: string }> {
  const make = async <T>(path: string, body: unknown): Promise<T> => {
    const made = await callServer<T>(server, { method: 'POST', path, body })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    return made.body
  }
  const issue = (api: string, scopes: readonly string[], principal: string) =>
    make<Issued>('/v1/credentials', { kind: 'api_key', api, scopes, principal })
  const apis = await Promise.all(
    ['orders', 'stock'].map((name) =>
      make<{ id: string }>('/v1/apis', {
        ...{ name, audience: `https://${name}.example`, base_path: `/${name}` },
        scopes: [`${name}:read`, `${name}:write`],
        routes: [{ method: 'GET', path: `/${name}/*`, scopes: `${name}:read` }],
      }),
    ),
  )
  await make('/v1/apis', {
    name: 'steady',
    audience: 'https://steady.example',
    base_path: '/s',
    scopes: ['s:r'],
  })
  const role = await make<{ id: string }>('/v1/roles', {
    name: 'reader',
    api: 'orders',
    scopes: ['orders:read'],
  })
  const principal = await make<{ id: string }>('/v1/principals', { name: 'billing', type: 'service' })
  const steady = await issue('steady', ['s:r'], 'steady-holder')
  const orders = await Promise.all(
    Array.from({ length: 60 }, () => issue('orders', ['orders:read'], 'billing')),
  )
  const lesser = [
    await issue('credence', ['*:read', 'audit:read'], 'reader'),
    await issue('credence', ['credentials:verify:orders'], 'checker'),
    await issue('credence', ['credentials:write:orders', 'principals:write'], 'issuer'),
  ]
  const scopes = [['orders:read'], ['orders:*'], ['stock:write', 'stock:read'], []]
  const names = Array.from({ length: 40 }, (_, n) => `fuzz-${n}`)
  // Half of the keys act on themselves, the other half is acted on.
  const acting = orders.slice(30)
  const ids = orders.slice(0, 30).map(({ credential }) => credential.id)
  return {
    steadyKey: steady.secret,
    vocabulary: {
      adminKey: server.adminKey,
      lesserKeys: lesser.map(({ secret }) => secret),
      selfKeys: acting.map(({ secret }) => secret),
      values: {
        api: ['orders', 'stock', apis[0]!.id, 'credence', 'default/orders'],
        apis: ['orders', 'stock', apis[1]!.id, ...names.slice(0, 10)],
        workspaces: names.slice(0, 5),
        principals: ['billing', principal.id, ...names.slice(0, 5)],
        principal: ['billing', principal.id, ...names],
        roles: [['reader'], [role.id], []],
        ...{ ref: ['reader', role.id], credentials: ids, version: ['1', '2'] },
        name: [...names, 'orders', 'billing'],
        ...{
          kind: ['api_key'],
          type: ['service', 'application', 'rate'],
          scopes,
          credential: [orders[0]!.secret, 'x'],
        },
        base_path: ['/orders', '/', ...names.map((name) => `/${name}`)],
        audience: ['https://orders.example', ...names.map((name) => `urn:${name}`)],
        upstream: [null, 'http://127.0.0.1:9', server.api],
        expires_at: ['2099-01-01T00:00:00Z', '2020-01-01T00:00:00Z', null],
        host: [null, 'fuzz.example'],
      },
    },
  }
}
