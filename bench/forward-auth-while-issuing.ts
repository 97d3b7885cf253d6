/**
 * Whether writes stall verification: the slowest percent of forward-auth requests while 200 credentials a second are
 * being issued on the same server, beside the same load with nobody issuing.
 */
import { rmSync } from 'node:fs'
import { startServer, temporaryFolder } from '../test/running-server.ts'
import { install } from './installation.ts'
import { atRate, issuerFor } from './issuer.ts'
import { atMost, ratioOf, report } from './report.ts'
import { inTurns } from './turns.ts'
import { pinServer, writeRequests, wrk } from './wrk.ts'

const CREDENTIALS = 10_000
const ISSUED_PER_SECOND = 200
const SECONDS = 3
const ROUNDS = 5

const PATH = '/v1/authorize/orders'
const routes = [{ method: 'GET', path: '/orders/*', scopes: 'orders:read' }]
const installation = await install(CREDENTIALS, { api: { routes } })
await installation.close()
const env = { CREDENCE_TRUSTED_PROXIES: '127.0.0.1' }
const server = await startServer({ dataPath: installation.dataPath, env })
pinServer(server.child.pid!)
const folder = temporaryFolder()
const about = 'X-Forwarded-Method:GET X-Forwarded-Uri:/orders/7'
const requests = writeRequests(
  folder,
  'requests',
  installation.keys.map((key) => `GET ${PATH} Authorization:Bearer%20${key} ${about}`),
)
const issuer = issuerFor(server, 32)
const slowest = async () => (await wrk(server.api + PATH, requests, SECONDS)).p99Ms
try {
  const rates = await inTurns(
    [
      {
        name: `p99 while issuing ${ISSUED_PER_SECOND}/s`,
        measure: async () => {
          const [ms] = await Promise.all([slowest(), atRate(ISSUED_PER_SECOND, SECONDS, issuer.issue)])
          return ms
        },
      },
      { name: 'p99 idle', measure: slowest },
    ],
    ROUNDS,
  )
  report({
    what: 'forward-auth while credentials are being issued',
    unit: 'ms',
    rates,
    ratios: [ratioOf(rates, `p99 while issuing ${ISSUED_PER_SECOND}/s`, 'p99 idle', atMost(2))],
    notes: [],
  })
} finally {
  issuer.close()
  await server.stop()
  installation.remove()
  rmSync(folder, { recursive: true, force: true })
}
