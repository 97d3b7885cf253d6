import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { CredentialRecord } from './records.ts'
import { disabled, enabled, nextVersion, revoked, rotated, versionRevoked } from './rotate.ts'
import { aRequest, Installation, keyOf } from './testing/installation.ts'
import { checkAsyncProperty, refutesAsync } from './testing/rounds.ts'
import { verify } from './verify.ts'

/** What the credential must be, kept apart from the record: no code of ours has a hand in it. */
interface Model {
  state: 'active' | 'disabled' | 'revoked'
  expiresAtMs: number | null
  /** By version: when it ends; null: with the credential. */
  readonly endsAtMs: Map<number, number | null>
  readonly revokedVersions: Set<number>
}

type Revoke = typeof revoked
type Step = fc.AsyncCommand<Model, Real>

/** One credential under test, and the operations on it as `revoke` has them. */
class Real {
  readonly here = new Installation()
  record: CredentialRecord
  readonly revoke: Revoke

  constructor(revoke: Revoke) {
    this.revoke = revoke
    this.record = this.here.issue().credential
  }

  /** Half of the writes reach the cache at once, half only once a denial has made verify look. */
  write(record: CredentialRecord, isTold: boolean): void {
    this.record = record
    if (isTold) this.here.change('credential', record)
    else this.here.put('credential', record)
  }
}

/** A command that is always possible; what it does to the model stands beside what it does to the record. */
function step(text: string, act: (model: Model, real: Real) => void | Promise<void>): Step {
  return { check: () => true, run: async (model, real) => act(model, real), toString: () => text }
}

const isAlive = (model: Model, version: number, nowMs: number) => {
  const endsAtMs = model.endsAtMs.get(version) ?? null
  return !model.revokedVersions.has(version) && (endsAtMs === null || nowMs < endsAtMs)
}

const revoking = fc.constant(
  step('revoke', (model, real) => {
    real.write(real.revoke(real.record, 'leaked', real.here.nowMs), true)
    model.state = 'revoked'
  }),
)
const disabling = fc.constant(
  step('disable', (model, real) => {
    const transition = disabled(real.record, null, real.here.nowMs)
    assert.equal(transition.ok, model.state !== 'revoked')
    if (!transition.ok) return
    real.write(transition.record, true)
    model.state = 'disabled'
  }),
)
const enabling = fc.boolean().map((isTold) =>
  step(`enable${isTold ? '' : ' untold'}`, (model, real) => {
    const transition = enabled(real.record, real.here.nowMs)
    assert.equal(transition.ok, model.state !== 'revoked')
    if (!transition.ok) return
    real.write(transition.record, isTold)
    model.state = 'active'
  }),
)
const expiring = fc.integer({ min: -500, max: 500 }).map((ms) =>
  step(`expire in ${ms} ms`, (model, real) => {
    const expiresAtMs = real.here.nowMs + ms
    real.write({ ...real.record, expiresAtMs }, true)
    model.expiresAtMs = expiresAtMs
  }),
)
const rotating = fc.constantFrom(0, 100, 1000).map((overlapMs) =>
  step(`rotate, overlap ${overlapMs} ms`, (model, real) => {
    const { here, record } = real
    const version = nextVersion(record)
    const { sealedDigest } = here.version(record, version)
    const transition = rotated(record, { sealedDigest, nowMs: here.nowMs, overlapMs })
    if (model.state !== 'active') assert.equal(transition.ok, false)
    if (!transition.ok) return
    real.write(transition.record, true)
    const endsAtMs = here.nowMs + overlapMs
    for (const [earlier, end] of model.endsAtMs) {
      if (isAlive(model, earlier, here.nowMs))
        model.endsAtMs.set(earlier, Math.min(end ?? endsAtMs, endsAtMs))
    }
    model.endsAtMs.set(version, null)
  }),
)
const revokingVersion = fc.integer({ min: 1, max: 4 }).map((version) =>
  step(`revoke version ${version}`, (model, real) => {
    const transition = versionRevoked(real.record, version, real.here.nowMs)
    if (!transition.ok) return
    real.write(transition.record, true)
    model.revokedVersions.add(version)
  }),
)
const advancing = fc.integer({ min: -200, max: 600 }).map((ms) =>
  step(`clock ${ms} ms`, (_model, real) => {
    real.here.nowMs += ms
  }),
)
const verifying = fc.integer({ min: 1, max: 6 }).map((version) =>
  step(`verify version ${version}`, async (model, { here, record }) => {
    const decision = await verify(aRequest(keyOf(record, version)), here.verifier)
    const isExpired = model.expiresAtMs !== null && here.nowMs >= model.expiresAtMs
    const mayPass =
      model.state === 'active' &&
      !isExpired &&
      model.endsAtMs.has(version) &&
      isAlive(model, version, here.nowMs)
    assert.equal(decision.code === 'VALID', mayPass, `${decision.code}: ${decision.detail}`)
    if (model.state === 'revoked') assert.ok(['REVOKED', 'BAD_SECRET'].includes(decision.code), decision.code)
  }),
)

const anyLife = fc.commands(
  [verifying, verifying, rotating, revoking, disabling, enabling, expiring, revokingVersion, advancing],
  { maxCommands: 40 },
)

function livesAsItShould(revoke: Revoke) {
  return fc.asyncProperty(anyLife, async (commands) => {
    const setup = () => ({
      model: {
        state: 'active',
        expiresAtMs: null,
        endsAtMs: new Map([[1, null]]),
        revokedVersions: new Set(),
      } as Model,
      real: new Real(revoke),
    })
    await fc.asyncModelRun(setup, commands)
  })
}

describe('the life of a credential', () => {
  it('passes exactly while it is active, not expired, and its version alive; once revoked, never again', async () => {
    await checkAsyncProperty('life of a credential', 300, livesAsItShould(revoked))
  })

  it('negative control: a revoke that only disables is found out', async () => {
    const broken: Revoke = (record, reason, nowMs) => {
      const transition = disabled(record, reason, nowMs)
      return transition.ok ? transition.record : record
    }
    assert.ok(await refutesAsync(300, livesAsItShould(broken)))
  })
})
