/**
 * What verify() costs when everything is warm, against SHA-256 of the key alone: no verifier of high-entropy
 * secrets can do with less than that one hash. In process: no HTTP, no store.
 * The two are timed in turns, so that a machine that slows down slows both; the medians count. Beside verify() stands
 * verifyAll(), by which gateway and forward-auth decide about the requests that they read in one go.
 */
import { hash, randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import {
  CachedLookup,
  type CredentialRecord,
  digestSecret,
  formatKey,
  generateId,
  generateSecret,
  MemoryLimiter,
  MemoryReplayGuard,
  NO_CLIENT_KEYS,
  NO_ISSUERS,
  NO_OWN_TOKENS,
  ProofCache,
  type RecordReader,
  SourceBudget,
  sealDigest,
  type Verifier,
  type VerifyRequest,
  verifyAll,
  verifyNow,
} from '@credence/core'
import { aCredential, anApi, aPrincipal } from '@credence/core/testing/records'
import { Metrics } from '@credence/server/observe/metrics'
import { atLeast, ratioOf, report } from './report.ts'
import { inTurns } from './turns.ts'
import { unflushedUsage } from './unflushed-usage.ts'

const CREDENTIALS = 10_000
const CALLS = 200_000
const ROUNDS = 5
const AT_ONCE = 16
const TARGET = 1 / 3

const api = anApi()
const rows = new Map<string, CredentialRecord | ReturnType<typeof aPrincipal> | typeof api>([[api.id, api]])
const sealingKey = randomBytes(32)
const sealingKeys = { currentId: 'bench', key: () => sealingKey }
const presented = Array.from({ length: CREDENTIALS }, issue)
const verifier: Verifier = {
  lookup: new CachedLookup(
    { read: async (_table, id) => rows.get(id) } as RecordReader,
    { holds: () => true, overdueMs: () => 0 },
    { maxEntries: 100_000, maxBytes: 1e9 },
  ),
  issuers: NO_ISSUERS,
  ownTokens: NO_OWN_TOKENS,
  passwords: null,
  clientKeys: NO_CLIENT_KEYS,
  proofs: new ProofCache(100_000, randomBytes),
  sealingKeys,
  limiter: new MemoryLimiter({ maxCounters: 100_000 }),
  replayGuard: new MemoryReplayGuard({ maxRedemptions: 1000, clock: Date.now }),
  dpopNonces: null,
  clock: Date.now,
  rereads: new SourceBudget({ perSecond: 20, burst: 100, maxSources: 10_000 }),
  pace: () => new Promise((resolve) => setTimeout(resolve, 5)),
}
// As the doors do: they find the API through the lookup, for as long as it is there.
await verifier.lookup.get('api', api.id)
/** Through a buffer, as it comes from the wire: else it would be joined when it is first read. */
const authorizations = presented.map((key) => Buffer.from(`Bearer ${key}`).toString('latin1'))
const headers = [
  'Host',
  'orders.example',
  'User-Agent',
  'billing/1.4 (linux)',
  'Accept',
  'application/json',
  'Authorization',
  '',
]
const AUTHORIZATION_AT = headers.length - 1
const request = requestWith(headers)
const together = Array.from({ length: AT_ONCE }, () => requestWith([...headers]))
const metrics = new Metrics({ processMetrics: false })
const usage = unflushedUsage()

const rates = await inTurns(
  [
    { name: 'verify()', measure: verifyRound },
    { name: `verifyAll(), ${AT_ONCE} at once`, measure: verifyAllRound },
    { name: 'SHA-256 of the key alone', measure: hashRound },
  ],
  ROUNDS,
)
report({
  what: `verify in process, warm, ${CREDENTIALS} API keys at random, each with scope, limit and usage`,
  unit: 'a second',
  rates,
  ratios: [
    ratioOf(rates, 'verify()', 'SHA-256 of the key alone', atLeast(TARGET)),
    ratioOf(rates, `verifyAll(), ${AT_ONCE} at once`, 'SHA-256 of the key alone', null),
  ],
  notes: [
    'No HTTP and no store. With ten keys instead the ratio is about 0.3: what comes on top is waiting for memory.',
  ],
})

/** A credential with a scope and one rate limit, wide enough that it never refuses; its key. */
function issue(): string {
  const principal = aPrincipal({ id: `prn_${generateId(randomBytes)}` })
  const bare = aCredential({ id: generateId(randomBytes), principalId: principal.id })
  const secret = generateSecret(randomBytes)
  const { workspaceId, kind, id: credentialId, createdAtMs } = bare
  const context = { workspaceId, kind, credentialId, version: 1 }
  const sealedDigest = sealDigest(digestSecret(secret), context, sealingKeys, randomBytes)
  const credential: CredentialRecord = {
    ...bare,
    versions: [{ version: 1, sealedDigest, createdAtMs, endsAtMs: null, revokedAtMs: null }],
    limits: [{ type: 'rate', name: 'default', limit: 1_000_000, windowSeconds: 1 }],
  }
  rows.set(principal.id, principal)
  rows.set(credential.id, credential)
  return formatKey(credential.keyPrefix, credential.id, secret)
}

/** Calls per second. */
function hashRound(): number {
  const startMs = performance.now()
  for (let call = 0; call < CALLS; call += 1) hash('sha256', drawn(presented), 'base64')
  return rateSince(startMs)
}

/** Calls per second; every one of them must be VALID. */
async function verifyRound(): Promise<number> {
  const startMs = performance.now()
  for (let call = 0; call < CALLS; call += 1) {
    // One request for all, as fresh in the processor's caches as one that has just been parsed.
    headers[AUTHORIZATION_AT] = drawn(authorizations)
    const callMs = performance.now()
    const deciding = verifyNow(request, verifier)
    const decision = deciding instanceof Promise ? await deciding : deciding
    if (decision.code !== 'VALID') throw new Error(`${decision.code}: ${decision.detail}`)
    usage.record(decision, { atMs: Date.now(), ip: request.ip, headers: request.headers })
    metrics.verified(decision.code, 'verify', performance.now() - callMs)
  }
  return rateSince(startMs)
}

/** Calls per second, as many at once as a turn of the event loop brings where there are some 32 connections. */
async function verifyAllRound(): Promise<number> {
  const startMs = performance.now()
  for (let call = 0; call < CALLS; call += AT_ONCE) {
    for (const { headers } of together) (headers as string[])[AUTHORIZATION_AT] = drawn(authorizations)
    const callMs = performance.now()
    const deciding = verifyAll(together, verifier)
    for (const [at, decision] of deciding.entries()) {
      const decided = decision instanceof Promise ? await decision : decision
      if (decided.code !== 'VALID') throw new Error(`${decided.code}: ${decided.detail}`)
      const { ip, headers } = together[at]!
      usage.record(decided, { atMs: Date.now(), ip, headers })
      metrics.verified(decided.code, 'verify', (performance.now() - callMs) / AT_ONCE)
    }
  }
  return rateSince(startMs)
}

function rateSince(startMs: number): number {
  return (CALLS * 1000) / (performance.now() - startMs)
}

function drawn<T>(from: readonly T[]): T {
  return from[Math.floor(Math.random() * from.length)]!
}

/** As a client with the usual headers sends it. */
function requestWith(headers: readonly string[]): VerifyRequest {
  return {
    api,
    homeApiId: null,
    credential: null,
    headers,
    query: '',
    method: 'GET',
    path: '/orders/7',
    ip: '192.0.2.1',
    secure: true,
    useRoutes: false,
    scopes: 'orders:read',
    cost: null,
    fresh: false,
    presenter: null,
  }
}
