/**
 * What verify() costs for JWTs of a trusted issuer, in process: warm beside a cache of signatures, cold beside bare
 * verification. 10,000 tokens of 1,000 principals; ours has scope, limit and usage besides, and no HTTP and no store.
 */
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import {
  CachedLookup,
  type IssuerRecord,
  JwsKeys,
  MemoryLimiter,
  MemoryReplayGuard,
  NO_CLIENT_KEYS,
  NO_OWN_TOKENS,
  ProofCache,
  type RecordReader,
  SourceBudget,
  type Verifier,
  type VerifyRequest,
  verifyNow,
} from '@credence/core'
import { anApi, aPrincipal } from '@credence/core/testing/records'
import { Metrics } from '@credence/server/observe/metrics'
import { jwtVerify } from 'jose'
import { AUDIENCE, ISSUER, tokenMaker } from './es256-tokens.ts'
import { cachedFastJwt } from './peers/fast-jwt.js'
import { atLeast, ratioOf, report } from './report.ts'
import { inTurns, type Rate } from './turns.ts'
import { unflushedUsage } from './unflushed-usage.ts'

const TOKENS = 10_000
const PRINCIPALS = 1_000
const WARM_CALLS = 200_000
const COLD_CALLS = 4_000
const ROUNDS = 5
const TARGET_PER_SECOND = 500_000

const { publicKey, jwk, tokenOf } = tokenMaker()
const api = anApi({ accepts: ['jwt'] })
const issuer: IssuerRecord = {
  ...{ id: 'iss_000000000001', workspaceId: api.workspaceId, revision: 1 },
  ...{ createdAtMs: 1000, updatedAtMs: 1000, name: 'sso', issuer: ISSUER, audience: AUDIENCE },
  ...{ apiId: api.id, algorithms: ['ES256'], keySource: { type: 'jwks', keys: [jwk] } },
  decryption: null,
  claims: {
    principal: { claim: 'sub', prefix: '' },
    scopes: { from: 'claim', claim: 'scope', prefix: '' },
    required: [],
  },
  ...{ types: null, clockSkewSeconds: 60, maxAgeSeconds: null, conditions: null },
  limits: [{ type: 'rate', name: 'default', limit: 1_000_000, windowSeconds: 1 }],
  ...{ disabledAtMs: null, revokedBeforeMs: null, revokedTokens: [], revokedPrincipals: [] },
}
const principals = Array.from({ length: PRINCIPALS }, (_, i) =>
  aPrincipal({ id: `prn_${String(i).padStart(12, '0')}`, name: `client-${i}` }),
)
const idsByName = new Map(principals.map(({ name, id }) => [name, id]))
const rows = new Map<string, unknown>([api, issuer, ...principals].map((record) => [record.id, record]))
const keys = { keys: new JwsKeys([jwk]), current: true }
const proofs = new ProofCache(100_000, randomBytes)
const verifier: Verifier = {
  lookup: new CachedLookup(
    { read: async (_table, id) => rows.get(id) } as RecordReader,
    { holds: () => true, overdueMs: () => 0 },
    { maxEntries: 100_000, maxBytes: 1e9 },
  ),
  ownTokens: NO_OWN_TOKENS,
  issuers: {
    candidates: (name) => (name === ISSUER ? [issuer] : []),
    keysOf: () => keys,
    decrypting: () => [],
    decryptionKeysOf: () => null,
    principalIdOf: async (_workspaceId, name) => idsByName.get(name) ?? null,
  },
  proofs,
  sealingKeys: { currentId: 'none', key: () => undefined },
  limiter: new MemoryLimiter({ maxCounters: 100_000 }),
  replayGuard: new MemoryReplayGuard({ maxRedemptions: 1000, clock: Date.now }),
  dpopNonces: null,
  passwords: null,
  clientKeys: NO_CLIENT_KEYS,
  clock: Date.now,
  rereads: new SourceBudget({ perSecond: 20, burst: 100, maxSources: 10_000 }),
  pace: async () => {},
}
await verifier.lookup.get('api', api.id)
const usage = unflushedUsage()
const metrics = new Metrics({ processMetrics: false })
const tokens = Array.from({ length: TOKENS }, (_, i) => tokenOf(principals[i % PRINCIPALS]!.name))
/** Through a buffer, as it comes from the wire. */
const authorizations = tokens.map((token) => Buffer.from(`Bearer ${token}`).toString('latin1'))
const fastJwt = cachedFastJwt(publicKey.export({ format: 'pem', type: 'spki' }), ISSUER, AUDIENCE, TOKENS * 2)

const warm = await inTurns(
  [
    { name: 'verify(), warm', measure: () => verified(WARM_CALLS, () => drawn(authorizations)) },
    { name: 'fast-jwt, cached', measure: fastJwtRound },
  ],
  ROUNDS,
)
const cold = await inTurns(
  [
    { name: 'verify(), cold', measure: coldRound },
    { name: 'jose jwtVerify', measure: joseRound },
  ],
  ROUNDS,
)
report({
  what: `verify in process, ${TOKENS} ES256 JWTs of ${PRINCIPALS} principals at random, warm`,
  unit: 'a second',
  rates: warm,
  ratios: [
    {
      what: 'verify(), warm, a second',
      value: medianOf(warm, 'verify(), warm'),
      target: atLeast(TARGET_PER_SECOND),
    },
    ratioOf(warm, 'verify(), warm', 'fast-jwt, cached', null),
  ],
  notes: ['fast-jwt answers what the token said when it was verified; verify() decides about it each time.'],
})
report({
  what: 'verify in process, ES256 JWTs that were never seen before',
  unit: 'a second',
  rates: cold,
  ratios: [ratioOf(cold, 'verify(), cold', 'jose jwtVerify', atLeast(0.9))],
  notes: [],
})

/** Calls per second; every one of them must be VALID. */
async function verified(calls: number, next: (call: number) => string): Promise<number> {
  const headers = ['Host', 'orders.example', 'User-Agent', 'billing/1.4 (linux)', 'Authorization', '']
  const request: VerifyRequest = {
    ...{ api, homeApiId: null, credential: null, headers, query: '', method: 'GET', path: '/orders/7' },
    ...{
      ip: '192.0.2.1',
      secure: true,
      useRoutes: false,
      scopes: 'orders:read',
      cost: null,
      fresh: false,
      presenter: null,
    },
  }
  const startMs = performance.now()
  for (let call = 0; call < calls; call += 1) {
    headers[5] = next(call)
    const callMs = performance.now()
    const deciding = verifyNow(request, verifier)
    const decision = deciding instanceof Promise ? await deciding : deciding
    if (decision.code !== 'VALID') throw new Error(`${decision.code}: ${decision.detail}`)
    usage.record(decision, { atMs: Date.now(), ip: request.ip, headers })
    metrics.verified(decision.code, 'verify', performance.now() - callMs)
  }
  return (calls * 1000) / (performance.now() - startMs)
}

function coldRound(): Promise<number> {
  proofs.clear()
  return verified(COLD_CALLS, (call) => authorizations[call]!)
}

async function joseRound(): Promise<number> {
  const startMs = performance.now()
  const rules = { issuer: ISSUER, audience: AUDIENCE, algorithms: ['ES256'] }
  for (let call = 0; call < COLD_CALLS; call += 1) await jwtVerify(tokens[call]!, publicKey, rules)
  return (COLD_CALLS * 1000) / (performance.now() - startMs)
}

function fastJwtRound(): number {
  const startMs = performance.now()
  for (let call = 0; call < WARM_CALLS; call += 1) fastJwt(drawn(tokens))
  return (WARM_CALLS * 1000) / (performance.now() - startMs)
}

function drawn<T>(from: readonly T[]): T {
  return from[Math.floor(Math.random() * from.length)]!
}

function medianOf(rates: readonly Rate[], name: string): number {
  return rates.find((rate) => rate.name === name)!.median
}
