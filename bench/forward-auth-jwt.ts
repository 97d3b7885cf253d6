/**
 * Forward-auth over HTTP with ES256 JWTs of a trusted issuer, beside HAProxy verifying the signature of each by
 * itself. The same load for both: 10,000 tokens drawn at random, 32 connections.
 */
import { join } from 'node:path'
import { AUDIENCE, ISSUER, tokenMaker } from './es256-tokens.ts'
import { PATH, startForwardAuth } from './forward-auth-server.ts'
import { verifyingHaproxy } from './peers/web-servers.ts'
import { atLeast, ratioOf, report } from './report.ts'
import { inTurns } from './turns.ts'
import { writeRequests, wrk } from './wrk.ts'

const TOKENS = 10_000
const PRINCIPALS = 100
const SECONDS = 3
const ROUNDS = 5

const { publicKey, jwk, tokenOf } = tokenMaker()
const { server, folder, close } = await startForwardAuth(1)
const names = Array.from({ length: PRINCIPALS }, (_, i) => `client-${i}`)
for (const name of names) await make('/v1/principals', { name, type: 'service' })
await make('/v1/issuers', {
  ...{ name: 'sso', api: 'orders', issuer: ISSUER, audience: AUDIENCE, algorithms: ['ES256'] },
  jwks: { keys: [jwk] },
  limits: [{ name: 'default', limit: 1_000_000, window_seconds: 1 }],
})
const about = 'X-Forwarded-Method:GET X-Forwarded-Uri:/orders/7'
const lines = Array.from({ length: TOKENS }, (_, i) => {
  return `GET ${PATH} Authorization:Bearer%20${tokenOf(names[i % PRINCIPALS]!)} ${about}`
})
const requests = writeRequests(folder, 'tokens', lines)
const haproxy = await verifyingHaproxy(
  join(folder, 'haproxy'),
  publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  { issuer: ISSUER, audience: AUDIENCE },
)
const full = new Set<string>()
const measured = async (name: string, url: string) => {
  const load = await wrk(`${url}${PATH}`, requests, SECONDS)
  if (load.isFull) full.add(name)
  return load.perSecond
}
try {
  const rates = await inTurns(
    [
      { name: 'forward-auth', measure: () => measured('forward-auth', server.api) },
      { name: 'HAProxy jwt_verify', measure: () => measured('HAProxy jwt_verify', haproxy.url) },
    ],
    ROUNDS,
  )
  report({
    what: `forward-auth over HTTP, ${TOKENS} ES256 JWTs at random`,
    unit: 'requests/s',
    rates,
    ratios: [ratioOf(rates, 'forward-auth', 'HAProxy jwt_verify', atLeast(5))],
    notes: [
      'HAProxy verifies each signature; Credence remembers which it has verified, and decides about each request.',
      ...(full.size === 0 ? [] : [`The load generator's own core was full for: ${[...full].join(', ')}.`]),
    ],
  })
} finally {
  await haproxy.stop()
  await close()
}

async function make(path: string, body: object): Promise<void> {
  const answer = await server.request('POST', path, body)
  if (answer.status !== 201) throw new Error(answer.text)
}
