import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CredentialRecord } from './records.ts'
import {
  disabled,
  enabled,
  MAX_VERSIONS,
  nextVersion,
  redigested,
  revoked,
  rotated,
  statusOf,
  type Transition,
  versionRevoked,
  versionStatusOf,
} from './rotate.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

const T0 = Date.UTC(2026, 0, 1)

function credential(changed: Partial<CredentialRecord> = {}): CredentialRecord {
  return {
    id: 'A1b2C3d4E5f6',
    workspaceId: 'ws_A1b2C3d4E5f6',
    revision: 1,
    createdAtMs: T0,
    updatedAtMs: T0,
    kind: 'api_key',
    principalId: 'prn_A1b2C3d4E5f6',
    name: null,
    keyPrefix: 'crd_live',
    state: 'active',
    stateReason: null,
    stateChangedAtMs: null,
    notBeforeMs: null,
    expiresAtMs: null,
    grants: [],
    conditions: null,
    limits: [],
    metadata: {},
    tags: [],
    versions: [{ version: 1, sealedDigest: 'k.1', createdAtMs: T0, endsAtMs: null, revokedAtMs: null }],
    issuedBy: null,
    handle: null,
    binding: null,
    parentId: null,
    parentVersion: null,
    issuerToken: null,
    ...changed,
  }
}

function recordOf(transition: Transition): CredentialRecord {
  assert.ok(transition.ok, transition.ok ? '' : transition.problem)
  return transition.record
}

function rotate(record: CredentialRecord, nowMs: number, overlapMs = 0): CredentialRecord {
  return recordOf(rotated(record, { sealedDigest: `k.${nextVersion(record)}`, nowMs, overlapMs }))
}

test('rotating adds the next version and ends the one before after the overlap', () => {
  const after = rotate(credential(), T0 + 1000, 60_000)
  assert.deepEqual(after.versions, [
    { version: 1, sealedDigest: 'k.1', createdAtMs: T0, endsAtMs: T0 + 61_000, revokedAtMs: null },
    { version: 2, sealedDigest: 'k.2', createdAtMs: T0 + 1000, endsAtMs: null, revokedAtMs: null },
  ])
  assert.equal(after.revision, 2)
  assert.equal(after.updatedAtMs, T0 + 1000)
  const [first, second] = after.versions
  assert.equal(versionStatusOf(first!, T0 + 60_999), 'ending')
  assert.equal(versionStatusOf(first!, T0 + 61_000), 'ended')
  assert.equal(versionStatusOf(second!, T0 + 61_000), 'current')
})

test('without an overlap the version before is over at once', () => {
  const after = rotate(credential(), T0 + 5)
  assert.equal(versionStatusOf(after.versions[0]!, T0 + 5), 'ended')
})

test('a second rotation never moves an earlier end to a later moment, and does move a later one nearer', () => {
  const once = rotate(credential(), T0, 10_000)
  assert.equal(rotate(once, T0 + 1, 99_000).versions[0]!.endsAtMs, T0 + 10_000)
  assert.equal(rotate(once, T0 + 1, 0).versions[0]!.endsAtMs, T0 + 1)
})

test('a credential that is revoked, disabled, quarantined or expired is not rotated', () => {
  for (const state of ['revoked', 'disabled', 'quarantined'] as const) {
    const outcome = rotated(credential({ state }), { sealedDigest: 'k.2', nowMs: T0, overlapMs: 0 })
    assert.deepEqual(outcome, { ok: false, problem: `the credential is ${state}` })
  }
  const late = rotated(credential({ expiresAtMs: T0 }), { sealedDigest: 'k.2', nowMs: T0, overlapMs: 0 })
  assert.deepEqual(late, { ok: false, problem: 'the credential is expired' })
  assert.ok(
    rotated(credential({ notBeforeMs: T0 + 1 }), { sealedDigest: 'k.2', nowMs: T0, overlapMs: 0 }).ok,
    'one that has not begun may be rotated: nobody can have used it',
  )
})

test('versions that are over are forgotten beyond the bound, the newest kept', () => {
  let record = credential()
  for (let n = 1; n <= 20; n++) record = rotate(record, T0 + n)
  assert.deepEqual(
    record.versions.map(({ version }) => version),
    [17, 18, 19, 20, 21],
  )
})

test('a living version is never forgotten: when all places are taken, rotation is refused', () => {
  let record = credential()
  for (let n = 1; n < MAX_VERSIONS; n++) record = rotate(record, T0 + n, 1_000_000)
  assert.equal(record.versions.length, MAX_VERSIONS)
  const full = rotated(record, { sealedDigest: 'k.9', nowMs: T0 + 9, overlapMs: 1_000_000 })
  assert.ok(!full.ok && full.problem.startsWith('5 versions of its secret are alive'))
  assert.ok(
    rotated(record, { sealedDigest: 'k.9', nowMs: T0 + 9, overlapMs: 0 }).ok,
    'ending them makes room',
  )
})

test('revoking again keeps the first reason and moment, and writes nothing', () => {
  const first = revoked(credential(), 'leaked', T0 + 1)
  assert.equal(first.state, 'revoked')
  assert.equal(first.stateReason, 'leaked')
  assert.equal(first.stateChangedAtMs, T0 + 1)
  assert.equal(first.revision, 2)
  assert.equal(revoked(first, 'other', T0 + 2), first)
})

test('revoking a version leaves the others alone, and cannot name one that is not there', () => {
  const record = rotate(credential(), T0, 1000)
  const after = recordOf(versionRevoked(record, 1, T0 + 1))
  assert.deepEqual(
    after.versions.map((version) => versionStatusOf(version, T0 + 1)),
    ['revoked', 'current'],
  )
  assert.equal(recordOf(versionRevoked(after, 1, T0 + 2)), after)
  assert.deepEqual(versionRevoked(record, 7, T0), { ok: false, problem: 'it has no version 7' })
})

test('disable and enable are each other’s inverse, and enabling forgets the reason', () => {
  const off = recordOf(disabled(credential(), 'holiday', T0 + 1))
  assert.equal(statusOf(off, T0 + 1), 'disabled')
  assert.equal(off.stateReason, 'holiday')
  const on = recordOf(enabled(off, T0 + 2))
  assert.equal(statusOf(on, T0 + 2), 'active')
  assert.equal(on.stateReason, null)
  assert.equal(on.revision, 3)
  assert.equal(recordOf(enabled(credential({ state: 'quarantined' }), T0)).state, 'active')
})

test('the status goes by state first, then the beginning, then the end, which is exclusive', () => {
  const spans = { notBeforeMs: T0 + 10, expiresAtMs: T0 + 20 }
  assert.equal(statusOf(credential({ ...spans, state: 'disabled' }), T0), 'disabled')
  assert.equal(statusOf(credential(spans), T0 + 9), 'not_yet_valid')
  assert.equal(statusOf(credential(spans), T0 + 10), 'active')
  assert.equal(statusOf(credential(spans), T0 + 19), 'active')
  assert.equal(statusOf(credential(spans), T0 + 20), 'expired')
})

type Step =
  | { readonly do: 'rotate'; readonly overlapMs: number }
  | { readonly do: 'revoke' | 'disable' | 'enable' }
  | { readonly do: 'revokeVersion'; readonly version: number }

const steps = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 50_000 }),
    step: fc.oneof<fc.Arbitrary<Step>[]>(
      fc.record({ do: fc.constant('rotate' as const), overlapMs: fc.integer({ min: 0, max: 100_000 }) }),
      fc.record({ do: fc.constantFrom('revoke' as const, 'disable' as const, 'enable' as const) }),
      fc.record({ do: fc.constant('revokeVersion' as const), version: fc.integer({ min: 1, max: 12 }) }),
    ),
  }),
  { maxLength: 30 },
)

type Apply = (record: CredentialRecord, step: Step, nowMs: number) => Transition

function apply(record: CredentialRecord, step: Step, nowMs: number): Transition {
  switch (step.do) {
    case 'rotate':
      return rotated(record, { sealedDigest: `k.${nextVersion(record)}`, nowMs, overlapMs: step.overlapMs })
    case 'revoke':
      return { ok: true, record: revoked(record, 'because', nowMs) }
    case 'disable':
      return disabled(record, null, nowMs)
    case 'enable':
      return enabled(record, nowMs)
    case 'revokeVersion':
      return versionRevoked(record, step.version, nowMs)
  }
}

/** Carries the steps out and asks after each what must hold of what it made of the record. */
function always(
  holds: (before: CredentialRecord, after: CredentialRecord, nowMs: number) => boolean,
  by: Apply = apply,
) {
  return fc.property(steps, (sequence) => {
    let record = credential()
    let nowMs = T0
    for (const { afterMs, step } of sequence) {
      nowMs += afterMs
      const outcome = by(record, step, nowMs)
      if (!outcome.ok) continue
      if (!holds(record, outcome.record, nowMs)) return false
      record = outcome.record
    }
    return true
  })
}

const staysRevoked = (before: CredentialRecord, after: CredentialRecord) =>
  before.state !== 'revoked' || after === before

test('revoked is absorbing: no sequence of operations changes a revoked credential in anything', () => {
  checkProperty('revoked is absorbing', 500, always(staysRevoked))
  const careless: Apply = (record, step, nowMs) =>
    step.do === 'enable'
      ? { ok: true, record: { ...record, state: 'active', updatedAtMs: nowMs } }
      : apply(record, step, nowMs)
  assert.ok(refutes(500, always(staysRevoked, careless)), 'the property sees an enable that forgets')
})

const oneCurrent = (_: CredentialRecord, after: CredentialRecord, nowMs: number) =>
  after.versions.filter((version) => versionStatusOf(version, nowMs) === 'current').length <= 1

test('at any time at most one version is current, and it is the newest', () => {
  checkProperty('one current version', 500, always(oneCurrent))
  checkProperty(
    'the current version is the newest',
    500,
    always((_, after, nowMs) =>
      after.versions.slice(0, -1).every((one) => versionStatusOf(one, nowMs) !== 'current'),
    ),
  )
  const endless: Apply = (record, step, nowMs) => {
    const outcome = apply(record, step, nowMs)
    if (!outcome.ok || step.do !== 'rotate') return outcome
    const versions = outcome.record.versions.map((version) => ({ ...version, endsAtMs: null }))
    return { ok: true, record: { ...outcome.record, versions } }
  }
  assert.ok(refutes(500, always(oneCurrent, endless)), 'the property sees a rotation that ends nothing')
})

test('versions stay bounded, in order and unique; none that is alive disappears; a life only gets shorter', () => {
  checkProperty(
    'versions',
    500,
    always((before, after, nowMs) => {
      const numbers = after.versions.map(({ version }) => version)
      const sorted = [...new Set(numbers)].sort((a, b) => a - b)
      return (
        numbers.length <= MAX_VERSIONS &&
        numbers.every((number, index) => number === sorted[index]) &&
        before.versions.every((old) => {
          const kept = after.versions.find(({ version }) => version === old.version)
          if (kept === undefined) return !['current', 'ending'].includes(versionStatusOf(old, nowMs))
          const end = kept.endsAtMs ?? Number.POSITIVE_INFINITY
          return (
            end <= (old.endsAtMs ?? Number.POSITIVE_INFINITY) &&
            (old.revokedAtMs ?? kept.revokedAtMs) === kept.revokedAtMs
          )
        })
      )
    }),
  )
})

test('every change raises the revision by one and sets the time; no change leaves the record as it is', () => {
  checkProperty(
    'revision',
    500,
    always(
      (before, after, nowMs) =>
        after === before || (after.revision === before.revision + 1 && after.updatedAtMs === nowMs),
    ),
  )
})

test('a digest is replaced only where its version is the newest and the only one alive; what is over is dropped', () => {
  const alive = { version: 2, sealedDigest: 'old', createdAtMs: 1, endsAtMs: null, revokedAtMs: null }
  const over = { ...alive, version: 1, endsAtMs: 5 }
  const record = credential({ versions: [over, alive] })
  const after = redigested(record, 2, 'new', 10)
  assert.deepEqual(after, {
    ...record,
    ...{ versions: [{ ...alive, sealedDigest: 'new' }], revision: record.revision + 1, updatedAtMs: 10 },
  })
  assert.equal(redigested(record, 2, 'new', 4), null, 'while the other one works as well')
  assert.equal(redigested(record, 1, 'new', 10), null, 'for one that is over')
  // Its number would be given to another secret.
  const newestRevoked = [
    { ...alive, version: 1 },
    { ...alive, revokedAtMs: 5 },
  ]
  assert.equal(redigested({ ...record, versions: newestRevoked }, 1, 'new', 10), null)
})
