import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { CachedLookup } from './cached-lookup.ts'
import type { Decision } from './decision.ts'
import { ProofCache } from './proof-cache.ts'
import type { CredentialRecord, PrincipalRecord, Records, TableName } from './records.ts'
import { Installation, keyOf, requestAtDoor } from './testing/installation.ts'
import { aCredential, anApi, aPrincipal, aRole, aRoute } from './testing/records.ts'
import { checkAsyncProperty, refutesAsync } from './testing/rounds.ts'
import { verify } from './verify.ts'

const bounds = { maxEntries: 1000, maxBytes: 1e9 }

describe('verify, when the caller is prepared,', () => {
  it('decides, whatever changes, as whoever caches nothing', async () => {
    await checkAsyncProperty(
      'prepared callers',
      200,
      agreesWithTheStore((store) => new CachedLookup(store, store.lease, bounds)),
    )
  })

  it('negative control: a lookup whose slots stay filled is found out', async () => {
    class Deaf extends CachedLookup {
      override slotOf<T extends TableName>(table: T, record: Records[T]) {
        const slot = super.slotOf(table, record)
        return slot && { record: slot.record }
      }
    }
    assert.ok(
      await refutesAsync(
        200,
        agreesWithTheStore((store) => new Deaf(store, store.lease, bounds)),
      ),
    )
  })
})

type Step = (here: Installation, change: <T extends TableName>(table: T, record: Records[T]) => void) => void

const bare = aCredential()
const anyGrants = fc.array(
  fc.record({
    apiId: fc.constantFrom(anApi().id, 'api_elsewhere'),
    scopes: fc.subarray(['orders:read', 'orders:*', 'orders:write']),
    roleIds: fc.subarray([aRole().id, 'rol_absent']),
  }),
  { maxLength: 2 },
)
const anyMs = fc.option(fc.integer({ min: -20, max: 20 }))

/** A change of one record; what a credential's versions are is given by the installation. */
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc
    .record({
      state: fc.constantFrom<CredentialRecord['state']>('active', 'active', 'disabled', 'revoked'),
      grants: anyGrants,
      startMs: anyMs,
      endMs: anyMs,
      versionEndMs: anyMs,
      isFenced: fc.boolean(),
    })
    .map(
      ({ state, grants, startMs, endMs, versionEndMs, isFenced }): Step =>
        (here, change) => {
          const at = (ms: number | null) => (ms === null ? null : here.nowMs + ms)
          const conditions = { ipRanges: null, methods: ['POST'], paths: null, timeWindow: null }
          change('credential', {
            ...{ ...bare, state, grants, conditions: isFenced ? conditions : null },
            ...{ notBeforeMs: at(startMs), expiresAtMs: at(endMs) },
            versions: [here.version(bare, 1, { endsAtMs: at(versionEndMs) })],
          })
        },
    ),
  fc.record({ disabledAtMs: fc.option(fc.constant(1), { freq: 4 }), ceiling: fc.option(anyGrants) }).map(
    (fields: Partial<PrincipalRecord>): Step =>
      (_, change) =>
        change('principal', aPrincipal(fields)),
  ),
  fc.subarray(['orders:read', 'orders:write']).map(
    (scopes): Step =>
      (_, change) =>
        change('role', aRole({ scopes })),
  ),
  fc.record({ scopes: fc.constantFrom(null, 'orders:read'), isPublic: fc.boolean() }).map(
    ({ scopes, isPublic }): Step =>
      (_, change) =>
        change('api', anApi({ routes: [aRoute({ scopes, public: isPublic })] })),
  ),
  fc.integer({ min: -15, max: 15 }).map(
    (ms): Step =>
      (here) => {
        here.nowMs += ms
      },
  ),
)

/**
 * After every change some requests, each asked three times, so that the last finds the caller prepared: a verifier
 * that caches must decide as one that reads the store each time.
 */
function agreesWithTheStore(make: (store: Installation) => CachedLookup) {
  return fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 12 }), async (steps) => {
    const here = new Installation()
    here.put('role', aRole())
    here.issue()
    const caching = { ...here.verifier, lookup: make(here), proofs: new ProofCache(100, randomBytes) }
    for (const step of steps) {
      step(here, (table, record) => {
        here.put(table, record)
        caching.lookup.invalidate(table, record.id)
      })
      for (const change of [{}, { scopes: 'orders:write' }, { useRoutes: true }]) {
        const request = await requestAtDoor(keyOf(bare, 1), caching, change)
        const truth = await verify({ ...request, fresh: true }, here.verifier)
        for (let times = 0; times < 3; times += 1) {
          assert.deepEqual(facts(await verify(request, caching)), facts(truth))
        }
      }
    }
  })
}

function facts({ code, failedCheck, detail, scopes, version, route, required }: Decision) {
  return { code, failedCheck, detail, scopes, version, route, required }
}
