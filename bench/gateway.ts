/**
 * The gateway before a small JSON upstream: a key checked, a limit counted, identity told; beside proxies that only
 * forward. The upstream answers on the load generator's core. 10,000 keys drawn at random, 32 connections.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startServer, temporaryFolder } from '../test/running-server.ts'
import { install } from './installation.ts'
import { startNodePeer } from './peers/process.ts'
import { constantNginx, forwardingNginx } from './peers/web-servers.ts'
import { atLeast, type Ratio, report } from './report.ts'
import { inTurns } from './turns.ts'
import { pinServer, writeRequests, wrk } from './wrk.ts'

const CREDENTIALS = 10_000
const SECONDS = 3
/** Four contestants and a busy machine: one slow peer in five rounds moved the ratio by a twentieth. */
const ROUNDS = 9
const BODY = JSON.stringify({
  id: 7,
  customer: 'c_19',
  status: 'paid',
  total: { amount: 4200, currency: 'EUR' },
})

const folder = temporaryFolder()
for (const name of ['upstream', 'nginx']) mkdirSync(join(folder, name))
const json = { 'Content-Type': 'application/json' }
const upstream = await constantNginx(join(folder, 'upstream'), json, BODY, { besideLoad: true })
const routes = [{ method: 'GET', path: '/orders/*', scopes: 'orders:read' }]
const installation = await install(CREDENTIALS, { api: { routes, upstream: upstream.url } })
await installation.close()
const server = await startServer({ dataPath: installation.dataPath })
pinServer(server.child.pid!)
const env = { UPSTREAM: upstream.url }
const peers = {
  '@fastify/reply-from': await startNodePeer('reply-from.js', { env }),
  'node:http agent': await startNodePeer('agent-proxy.js', { env }),
  'nginx proxy_pass': await forwardingNginx(join(folder, 'nginx'), upstream.url),
}
const requests = writeRequests(
  folder,
  'requests',
  installation.keys.map((key) => `GET /orders/7 Authorization:Bearer%20${key} Accept:application/json`),
)
const at = (name: string, url: string) => ({
  name,
  measure: async () => (await wrk(`${url}/orders/7`, requests, SECONDS)).perSecond,
})
try {
  const rates = await inTurns(
    [at('gateway', server.gateway), ...Object.entries(peers).map(([name, { url }]) => at(name, url))],
    ROUNDS,
  )
  const medianOf = (name: string) => rates.find((rate) => rate.name === name)!.median
  const best = Math.max(medianOf('@fastify/reply-from'), medianOf('node:http agent'))
  const ratios: Ratio[] = [
    {
      what: 'gateway : the better of reply-from and agent',
      value: medianOf('gateway') / best,
      target: atLeast(1.2),
    },
    {
      what: 'gateway : nginx proxy_pass',
      value: medianOf('gateway') / medianOf('nginx proxy_pass'),
      target: null,
    },
  ]
  report({
    what: `gateway, small JSON upstream, ${CREDENTIALS} credentials at random`,
    unit: 'requests/s',
    rates,
    ratios,
    notes: [
      'The peers forward and decide nothing; the gateway verifies a key, counts a limit and records the use.',
    ],
  })
} finally {
  for (const peer of [...Object.values(peers), upstream]) await peer.stop()
  await server.stop()
  installation.remove()
  rmSync(folder, { recursive: true, force: true })
}
