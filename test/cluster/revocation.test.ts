import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { after, before, describe, test } from 'node:test'
import { rounds, seed } from '@credence/core/testing/rounds'
import { type Draw, drawing } from '../durability/load.ts'
import { type Cluster, type ClusterNode, startCluster } from './cluster.ts'
import {
  delaysOf,
  type History,
  percentile,
  type Revoked,
  type Verified,
  type Violation,
  violations,
} from './history.ts'
import { issueToken, trustIssuer } from './issued-token.ts'
import {
  expected,
  type Issued,
  issueKey,
  protectOrders,
  recovered,
  until,
  verifyAt,
  watch,
} from './protected.ts'

const BOUND_MS = 1000
/** How long after the bound a round goes on looking. */
const LOOK_ON_MS = 300
const ENV = {
  CREDENCE_LEASE_MS: String(BOUND_MS),
  CREDENCE_TRUSTED_PROXIES: '127.0.0.1',
  CREDENCE_DATABASE_POOL: '8',
}

/** What happens to a node while a credential is revoked at another. */
const FAULTS: Readonly<Record<string, (victim: ClusterNode, draw: Draw) => Promise<void> | void>> = {
  nothing: () => {},
  'its notifications are lost': ({ link }) => link.set({ dropsNotifications: true }),
  'it is stopped': (victim) => victim.pause(),
  'its link to the database is cut': ({ link }) => link.set({ up: false }),
  'its link to the database is silent': ({ link }) => link.set({ carries: false }),
  'its link to the database is slow': ({ link }, draw) => link.set({ delayMs: 100 + draw(900) }),
  'its clock is set ahead': (victim) => victim.setClock(300_000),
  'its clock is set back': (victim) => victim.setClock(-300_000),
}

async function prepared(lease?: 'endless'): Promise<Cluster> {
  const cluster = await startCluster({ nodes: 3, env: ENV, ...(lease && { lease }) })
  await protectOrders(cluster, { accepts: ['api_key', 'jwt'] })
  await trustIssuer(cluster)
  return cluster
}

/** A key and a token that every node knows; a fault on one node; both revoked at another; and what all of them said. */
async function round(cluster: Cluster, fault: string, draw: Draw): Promise<History> {
  const { nodes, adminKey } = cluster
  const victim = nodes[draw(nodes.length)]!
  const others = nodes.filter((node) => node !== victim)
  const key = await issueKey(others[0]!, adminKey)
  const token = issueToken()
  const held = [key, token]
  for (const node of nodes) {
    for (const one of held) await until('warm', async () => (await verifyAt(node, one)) === 'VALID')
  }
  const verified: Verified[] = []
  let isOver = false
  const watching = nodes.flatMap((node) => held.map((one) => watch(node, one, verified, () => isOver)))
  await FAULTS[fault]!(victim, draw)
  await new Promise((resolve) => setTimeout(resolve, draw(300)))
  const revoked = await Promise.all([
    revoke(others[draw(2)]!, adminKey, key, `/v1/credentials/${key.id}/revoke`, { reason: 'test' }),
    revoke(others[draw(2)]!, adminKey, token, '/v1/issuers/sso/revoke', { jti: token.id }),
  ])
  await new Promise((resolve) => setTimeout(resolve, BOUND_MS + LOOK_ON_MS))
  isOver = true
  await cluster.heal()
  await Promise.all(watching)
  return { verified, revoked }
}

async function revoke(
  node: ClusterNode,
  adminKey: string,
  { id }: Issued,
  path: string,
  body: object,
): Promise<Revoked> {
  const startMs = performance.now()
  expected(await node.ask('POST', path, adminKey, body), 200)
  return { credentialId: id, startMs, acknowledgedMs: performance.now() }
}

describe('a revocation on three nodes', () => {
  let cluster: Cluster
  before(async () => {
    cluster = await prepared()
  })
  after(() => cluster.close())

  test('is refused everywhere from its acknowledgement on, whatever happens to a node', async () => {
    const start = seed()
    const draw = drawing(start)
    const names = Object.keys(FAULTS)
    const count = rounds(16)
    console.log(`revocation: ${count} rounds, seed ${start}`)
    const fair: number[] = []
    for (let number = 0; number < count; number++) {
      const fault = names[number % names.length]!
      const history = await round(cluster, fault, draw)
      const told = `round ${number} (${fault}), seed ${start}`
      assertNone(violations(history, BOUND_MS), told)
      // Whoever acknowledges has waited for the others, or until their leases were over.
      const late = violations(history, 0).filter(({ rule }) => rule === 'accepted past the bound')
      assertNone(late, `${told}: acknowledged, and accepted afterwards`)
      for (const node of cluster.nodes) {
        for (const { credentialId } of history.revoked) {
          const last = history.verified.findLast(
            (one) => one.node === node.name && one.credentialId === credentialId,
          )
          assert.ok(last !== undefined && last.code !== 'VALID', `${told}: ${node.name} said ${last?.code}`)
        }
      }
      if (fault === 'nothing') fair.push(...delaysOf(history))
      await recovered(cluster)
    }
    const p99 = percentile(fair, 0.99)
    console.log(`acknowledged → refused on all nodes: p99 ${p99.toFixed(1)} ms of ${fair.length}`)
    assert.ok(p99 <= 100, `${p99} ms`)
  })
})

test('caches that never ask are found out by the same rounds', async () => {
  const cluster = await prepared('endless')
  try {
    const history = await round(cluster, 'its link to the database is silent', drawing(7))
    const rules = violations(history, BOUND_MS).map(({ rule }) => rule)
    assert.ok(rules.includes('accepted past the bound'), rules.join())
  } finally {
    await cluster.close()
  }
})

/** Tells the first and the worst of them: there can be thousands. */
function assertNone(found: readonly Violation[], told: string): void {
  if (found.length === 0) return
  const worst = found.reduce((most, one) => (one.byMs > most.byMs ? one : most))
  assert.fail(`${told}: ${found.length} violations, first ${shown(found[0]!)}, worst ${shown(worst)}`)
}

function shown({ rule, byMs, verified }: Violation): string {
  return `"${rule}" on ${verified.node} by ${byMs.toFixed(1)} ms`
}
