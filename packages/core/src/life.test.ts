import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Identity, WholeIdentity } from './decision.ts'
import { isAlive, type Life, lifeOf, lifeProblem } from './life.ts'
import { CREDENTIAL_STATES } from './records.ts'
import { aCredential, aPrincipal } from './testing/records.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

const anyMs = fc.option(fc.integer({ min: 0, max: 20 }))
const anyIdentity: fc.Arbitrary<Identity> = fc
  .record({
    state: fc.oneof(
      { weight: 4, arbitrary: fc.constant('active' as const) },
      fc.constantFrom(...CREDENTIAL_STATES),
    ),
    notBeforeMs: anyMs,
    expiresAtMs: anyMs,
    endsAtMs: anyMs,
    revokedAtMs: fc.option(fc.constant(1), { freq: 1 }),
    disabledAtMs: fc.option(fc.constant(1), { freq: 1 }),
    version: fc.constantFrom(1, 1, 1, 2),
  })
  .map(({ state, notBeforeMs, expiresAtMs, endsAtMs, revokedAtMs, disabledAtMs, version }) => ({
    ...{ api: null, route: null, version, principal: aPrincipal({ disabledAtMs }) },
    credential: aCredential({
      ...{ state, notBeforeMs, expiresAtMs },
      versions: [{ version: 1, sealedDigest: 'k1.x', createdAtMs: 0, endsAtMs, revokedAtMs }],
    }),
  }))

/** Alone, or come from another credential. */
const anyWhole: fc.Arbitrary<WholeIdentity> = fc
  .tuple(anyIdentity, fc.option(anyIdentity))
  .map(([identity, parent]) => ({
    ...identity,
    parent: parent && { credential: parent.credential, version: parent.version, issuer: null },
  }))

/** At every moment, whoever is alive is whoever has no problem. */
function agrees(life: (identity: WholeIdentity) => Life | null) {
  return fc.property(anyWhole, (identity) => {
    const known = life(identity)
    for (let nowMs = -1; nowMs <= 21; nowMs += 1) {
      assert.equal(known !== null && isAlive(known, nowMs), lifeProblem(identity, nowMs) === null)
    }
  })
}

describe('the life of an identity', () => {
  it('says of every moment what looking at its records says', () => {
    checkProperty('life', 1000, agrees(lifeOf))
  })

  it('negative control: a life that overlooks the end of a version is found out', () => {
    const careless = (identity: WholeIdentity) =>
      lifeOf(identity) && {
        fromMs: identity.credential.notBeforeMs,
        untilMs: identity.credential.expiresAtMs,
      }
    assert.ok(refutes(1000, agrees(careless)))
  })

  it('negative control: a life that overlooks the credential that a token came from is found out', () => {
    assert.ok(
      refutes(
        1000,
        agrees((identity) => lifeOf({ ...identity, parent: null })),
      ),
    )
  })
})
