import { performance } from 'node:perf_hooks'
import type { Answer, Cluster, ClusterNode } from './cluster.ts'
import type { Verified } from './history.ts'

/** An API key as it was handed out. */
export interface Issued {
  readonly id: string
  readonly secret: string
}

/** Makes an API, `orders` unless another name is given, which any of its credentials may read. */
export async function protectOrders(
  { nodes, adminKey }: Cluster,
  api: { readonly name?: string; readonly [field: string]: unknown } = {},
): Promise<void> {
  const name = api.name ?? 'orders'
  const routes = [{ method: '*', path: '/**', scopes: 'orders:read' }]
  const body = { name, audience: `https://${name}.example`, scopes: ['orders:read'], routes, ...api }
  expected(await nodes[0]!.ask('POST', '/v1/apis', adminKey, body), 201)
}

export async function issueKey(
  node: ClusterNode,
  adminKey: string,
  credential: object = {},
): Promise<Issued> {
  const body = {
    ...{ kind: 'api_key', api: 'orders', scopes: ['orders:read'], principal: 'billing' },
    ...credential,
  }
  const answer = expected(await node.ask('POST', '/v1/credentials', adminKey, body), 201)
  const { id } = answer.body.credential as { id: string }
  return { id, secret: String(answer.body.secret) }
}

export function expected(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer
  throw new Error(`answered ${answer.status}, not ${status}: ${JSON.stringify(answer.body)}`)
}

const ASKED = { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/orders/7', 'x-forwarded-for': '192.0.2.1' }

/** Asks a node about a request with a key, as a proxy does. @returns the verdict's code; null: no answer came */
export async function verifyAt(node: ClusterNode, key: Issued, api = 'orders'): Promise<string | null> {
  try {
    const options = { withinMs: 8000, headers: ASKED }
    const answer = await node.ask('GET', `/v1/authorize/${api}`, key.secret, undefined, options)
    return answer.status === 200 ? 'VALID' : String(answer.body.code)
  } catch {
    return null
  }
}

/** Asks again and again until told to stop, and writes down what came. */
export async function watch(
  node: ClusterNode,
  key: Issued,
  history: Verified[],
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const startMs = performance.now()
    const code = await verifyAt(node, key)
    const seen = { node: node.name, credentialId: key.id, startMs, endMs: performance.now() }
    if (code !== null) history.push({ ...seen, code })
    // Nobody asks faster than this; and whoever runs on the same cores gets a turn.
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Asks until it is so. @throws Error when it is not within `withinMs` */
export async function until(what: string, holds: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`${what}: not so within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Waits until every node issues a key and serves it: what none of them has ever seen. */
export async function recovered({ nodes, adminKey }: Cluster): Promise<void> {
  for (const node of nodes) {
    await until(`${node.name} recovers`, async () => {
      try {
        const key = await issueKey(node, adminKey)
        return (await verifyAt(node, key)) === 'VALID'
      } catch {
        return false
      }
    })
  }
}
