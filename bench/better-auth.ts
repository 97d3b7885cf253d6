/**
 * verify() in process beside better-auth's verifyApiKey in process: as many keys, a scope and a rate limit each, drawn
 * at random. Ours stand in a SQLite file, theirs in SQLite in memory.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { verifyNow } from '@credence/core'
import { install } from './installation.ts'
import { atLeast, ratioOf, report } from './report.ts'
import { inTurns } from './turns.ts'

const CREDENTIALS = 10_000
const CALLS = 200_000
const ROUNDS = 5

const theirs = fork(join(import.meta.dirname, 'peers/better-auth.js'), [String(CREDENTIALS)])
const installation = await install(CREDENTIALS)
const { opened, keys } = installation
const verifier = opened.verifier(100_000)
const headers = ['Host', 'orders.example', 'Authorization', '']
const request = {
  ...{
    api: opened.api,
    homeApiId: null,
    credential: null,
    query: '',
    fresh: false,
    headers,
    presenter: null,
  },
  ...{ method: 'GET', path: '/orders/7', ip: '192.0.2.1', secure: true, useRoutes: false },
  ...{ scopes: 'orders:read', cost: null },
}
try {
  await once(theirs, 'message')
  const rates = await inTurns(
    [
      { name: 'verify()', measure: verified },
      {
        name: 'better-auth verifyApiKey',
        measure: async () => {
          theirs.send('measure')
          const [rate] = await once(theirs, 'message')
          return rate as number
        },
      },
    ],
    ROUNDS,
  )
  report({
    what: `verify in process, warm, ${CREDENTIALS} API keys at random`,
    unit: 'verify/s',
    rates,
    ratios: [ratioOf(rates, 'verify()', 'better-auth verifyApiKey', atLeast(1000))],
    notes: [
      'better-auth reads its database, and writes the use, for each call; verify() answers from its cache.',
    ],
  })
} finally {
  theirs.disconnect()
  await installation.close()
  installation.remove()
}

/** Verifications per second. */
async function verified(): Promise<number> {
  const startMs = performance.now()
  for (let call = 0; call < CALLS; call++) {
    headers[3] = `Bearer ${keys[Math.floor(Math.random() * CREDENTIALS)]}`
    const deciding = verifyNow(request, verifier)
    const decision = deciding instanceof Promise ? await deciding : deciding
    if (decision.code !== 'VALID') throw new Error(`${decision.code}: ${decision.detail}`)
  }
  return (CALLS * 1000) / (performance.now() - startMs)
}
