/**
 * How fast a revocation reaches three nodes on a real PostgreSQL, all of them asked about the credential every few
 * milliseconds meanwhile: from sending it to its acknowledgement, and from that to the last node that refuses.
 */
import { startCluster } from '../test/cluster/cluster.ts'
import { delaysOf, type Verified } from '../test/cluster/history.ts'
import { expected, issueKey, protectOrders, until, verifyAt, watch } from '../test/cluster/protected.ts'
import { atMost, report } from './report.ts'
import { percentile, rateOf } from './turns.ts'

const REVOCATIONS = 200
/** As long as the bound, so that what is refused late is seen. */
const LOOK_ON_MS = 1000
const AT_ONCE = 10

const env = { CREDENCE_TRUSTED_PROXIES: '127.0.0.1' }
const cluster = await startCluster({ nodes: 3, env, isDurable: true })
const { nodes, adminKey } = cluster
const acknowledged: number[] = []
const refused: number[] = []
try {
  await protectOrders(cluster)
  for (let made = 0; made < REVOCATIONS; made += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => revokeOne(made + i)))
  }
} finally {
  await cluster.close()
}
const delays = rateOf('acknowledged to refused everywhere', refused)
report({
  what: 'revocation over 3 nodes on PostgreSQL',
  unit: 'ms',
  rates: [rateOf('sent to acknowledged', acknowledged), delays],
  ratios: [
    {
      what: 'p99, acknowledged to refused everywhere',
      value: percentile(refused, 0.99),
      target: atMost(100),
    },
    { what: 'most, acknowledged to refused everywhere', value: delays.max, target: atMost(1000) },
  ],
  notes: [
    `${REVOCATIONS} revocations, ${AT_ONCE} at once. 0 ms: no request that began after the acknowledgement was let in anywhere.`,
    'An acknowledgement waits until every node has the revocation, or until the leases of those that do not answer are over.',
    'All three nodes, the database and the client run on this one machine.',
  ],
})

async function revokeOne(number: number): Promise<void> {
  const at = nodes[number % nodes.length]!
  const key = await issueKey(at, adminKey)
  for (const node of nodes) await until('warm', async () => (await verifyAt(node, key)) === 'VALID')
  const verified: Verified[] = []
  let isOver = false
  const watching = nodes.map((node) => watch(node, key, verified, () => isOver))
  const startMs = performance.now()
  expected(await at.ask('POST', `/v1/credentials/${key.id}/revoke`, adminKey, { reason: 'bench' }), 200)
  const acknowledgedMs = performance.now()
  acknowledged.push(acknowledgedMs - startMs)
  await new Promise((resolve) => setTimeout(resolve, LOOK_ON_MS))
  isOver = true
  await Promise.all(watching)
  refused.push(...delaysOf({ verified, revoked: [{ credentialId: key.id, startMs, acknowledgedMs }] }))
}
