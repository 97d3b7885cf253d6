/**
 * Whether writes stall verification: the slowest percent of forward-auth requests while 200 credentials a second are
 * being issued on the same server, beside the same load with nobody issuing.
 */
import { PATH, startForwardAuth } from './forward-auth-server.ts'
import { atRate, issuerFor } from './issuer.ts'
import { atMost, ratioOf, report } from './report.ts'
import { inTurns } from './turns.ts'
import { wrk } from './wrk.ts'

const CREDENTIALS = 10_000
const ISSUED_PER_SECOND = 200
/** Usage is written each five seconds: in each turn as often. */
const SECONDS = 10
const ROUNDS = 5

const { server, requests, close } = await startForwardAuth(CREDENTIALS)
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
  await close()
}
