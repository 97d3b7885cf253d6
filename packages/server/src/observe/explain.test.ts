import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHECKS, type Decision, VERDICT_CODES } from '@credence/core'
import { aCredential, aDecision, anApi, aPrincipal } from '@credence/core/testing/records'
import type { DecisionEntry } from './decision-entry.ts'
import { explain } from './explain.ts'

const AT_MS = Date.UTC(2026, 10, 24, 12)
const ID = aCredential().id

function entry(decision: Partial<Decision>, change: Partial<DecisionEntry> = {}): DecisionEntry {
  return {
    requestId: 'r1',
    workspaceId: 'ws_000000000001',
    atMs: AT_MS,
    durationMs: 0.23456,
    via: 'gateway',
    method: 'POST',
    path: '/orders/7',
    ip: '192.0.2.7',
    decision: aDecision({
      api: anApi(),
      route: 'POST /orders/*',
      credential: aCredential(),
      version: 1,
      principal: aPrincipal(),
      scopes: ['orders:read'],
      required: 'orders:write',
      ...decision,
    }),
    ...change,
  }
}

function toAllow(decision: Partial<Decision>, change: Partial<DecisionEntry> = {}): string {
  return explain(entry(decision, change)).to_allow ?? ''
}

test('a refusal shows the checks that passed, the one that failed and those that never ran', () => {
  const detail = 'route POST /orders/* needs orders:write; has orders:read'
  const explained = explain(entry({ code: 'INSUFFICIENT_SCOPE', failedCheck: 'scopes', detail }))
  assert.deepEqual(
    explained.checks.map(({ name }) => name),
    [...CHECKS],
  )
  const outcome = Object.fromEntries(explained.checks.map((check) => [check.name, check.outcome]))
  assert.deepEqual([outcome.extract, outcome.secret, outcome.state, outcome.time], Array(4).fill('passed'))
  // None are set, so none is unmet.
  assert.equal(outcome.conditions, 'passed')
  assert.deepEqual([outcome.proxy, outcome.limits], Array(2).fill('not_run'))
  const failed = explained.checks.filter((check) => check.outcome === 'failed')
  assert.deepEqual(failed, [{ name: 'scopes', outcome: 'failed', detail }])
})

test('the body carries who, what, where and how long, in plain values', () => {
  const explained = explain(entry({ code: 'INSUFFICIENT_SCOPE', failedCheck: 'scopes' }))
  const { checks, to_allow, ...rest } = JSON.parse(JSON.stringify(explained))
  assert.ok(checks.length > 0 && to_allow !== null)
  assert.deepEqual(rest, {
    request_id: 'r1',
    at: '2026-11-24T12:00:00.000Z',
    via: 'gateway',
    code: 'INSUFFICIENT_SCOPE',
    method: 'POST',
    path: '/orders/7',
    api: { id: anApi().id, name: 'orders' },
    route: 'POST /orders/*',
    public: false,
    credential: { id: ID, kind: 'api_key', name: null, version: 1 },
    principal: { id: aPrincipal().id, name: 'billing' },
    ip: '192.0.2.7',
    duration_ms: 0.235,
    required: 'orders:write',
    has: ['orders:read'],
  })
})

test('no digest of a secret is in the explanation', () => {
  assert.doesNotMatch(JSON.stringify(explain(entry({}))), /k1\.none|sealed/i)
})

test('for each check, whatever failed, nothing after it is said to have run', () => {
  for (const failedCheck of CHECKS) {
    const { checks } = explain(
      entry({ code: 'EXPIRED', failedCheck, detail: 'why' }, { via: 'forward-auth' }),
    )
    const at = CHECKS.indexOf(failedCheck)
    assert.equal(checks[at]?.outcome, 'failed')
    assert.ok(checks.slice(at + 1).every(({ outcome }) => outcome === 'not_run'))
    assert.ok(checks.slice(0, at).every(({ outcome }) => outcome !== 'failed'))
  }
})

test('a public route passes without asking who it is', () => {
  const { checks } = explain(entry({ public: true, credential: null, principal: null, version: null }))
  const passed = checks.filter(({ outcome }) => outcome === 'passed').map(({ name }) => name)
  assert.deepEqual(passed, ['request', 'route', 'tls'])
})

test('every refusal says what would make it pass, and a pass says nothing', () => {
  for (const code of VERDICT_CODES) {
    for (const who of [{}, { api: null, credential: null, principal: null, version: null, scopes: [] }]) {
      const text = explain(entry({ code, failedCheck: code === 'VALID' ? null : 'state', ...who })).to_allow
      if (code === 'VALID') assert.equal(text, null)
      else assert.ok(text !== null && text.length > 10 && !/undefined|null/.test(text), `${code}: ${text}`)
    }
  }
})

test('plain HTTP is the API’s matter where it wants TLS, and else that of passwords and client secrets', () => {
  const code = 'TLS_REQUIRED'
  assert.match(toAllow({ code, api: anApi({ requiresTls: true }) }), /`requires_tls` of the API/)
  assert.match(toAllow({ code }), /passwords and client secrets/)
  assert.match(toAllow({ code: 'LOCKED_OUT', retryAfterSeconds: 8 }), /^Wait 8 s/)
})

test('a missing scope becomes the command that adds it', () => {
  const code = 'INSUFFICIENT_SCOPE'
  assert.equal(toAllow({ code }), `npx credence credentials update ${ID} --add-scope orders:write`)
  assert.equal(
    toAllow({ code, required: 'orders:read AND orders:write AND orders:refund' }),
    `npx credence credentials update ${ID} --add-scope orders:write --add-scope orders:refund`,
  )
})

test('with grants for several APIs the command names the one that is meant', () => {
  const [grant] = aCredential().grants
  const credential = aCredential({ grants: [grant!, { ...grant!, apiId: 'api_other0000000' }] })
  assert.equal(
    toAllow({ code: 'INSUFFICIENT_SCOPE', credential }),
    `npx credence credentials update ${ID} --api orders --add-scope orders:write`,
  )
})

test('a scope that the credential has and its principal may not is a matter of the ceiling', () => {
  const credential = aCredential({ grants: [{ apiId: anApi().id, scopes: ['orders:*'], roleIds: [] }] })
  const text = toAllow({ code: 'INSUFFICIENT_SCOPE', credential })
  assert.match(text, /orders:write to the ceiling of principal prn_000000000003/)
})

test('a credential that ended can be prolonged; a secret that ended is followed by a newer one', () => {
  const code = 'EXPIRED'
  const ended = aCredential({ expiresAtMs: AT_MS })
  assert.equal(toAllow({ code, credential: ended }), `npx credence credentials update ${ID} --expires 90d`)
  const [first] = aCredential().versions
  const rotated = aCredential({
    versions: [
      { ...first!, endsAtMs: AT_MS },
      { ...first!, version: 2 },
    ],
  })
  assert.match(toAllow({ code, credential: rotated }), /Present version 2 .* credentials rotate AAAAAAAAAAA4/)
  const alone = aCredential({ versions: [{ ...first!, endsAtMs: AT_MS }] })
  assert.equal(toAllow({ code, credential: alone }), `npx credence credentials rotate ${ID}`)
})

test('a revoked credential is replaced, a revoked secret rotated', () => {
  assert.match(toAllow({ code: 'REVOKED', credential: aCredential({ state: 'revoked' }) }), /Issue a new/)
  assert.match(toAllow({ code: 'REVOKED' }), /credentials rotate/)
})

test('what is disabled is told apart: the credential or its principal', () => {
  assert.equal(toAllow({ code: 'DISABLED' }), `npx credence credentials enable ${ID}`)
  assert.match(toAllow({ code: 'DISABLED', principal: aPrincipal({ disabledAtMs: 1 }) }), /principal prn_/)
})

test('an untrusted proxy is told which setting names it', () => {
  assert.match(toAllow({ code: 'PROXY_UNTRUSTED' }), /CREDENCE_TRUSTED_PROXIES.*192\.0\.2\.7/)
})

test('a limit that is used up is named, with whose it is and how long to wait', () => {
  const limit = { type: 'rate', limit: 100, resetSeconds: 60, windowSeconds: 60 } as const
  const limits = [
    { ...limit, name: 'wide', owner: 'api', remaining: 5 } as const,
    { ...limit, name: 'default', owner: 'credential', remaining: 0 } as const,
  ]
  const text = toAllow({ code: 'RATE_LIMITED', limits, retryAfterSeconds: 3 })
  assert.equal(text, `Wait 3 s, or raise limit default (100) of credential ${ID}`)
})

test('commands hold nothing that a shell would interpret', () => {
  for (const code of VERDICT_CODES) {
    const principal = aPrincipal({ name: '$(reboot)`; rm -rf /' })
    const credential = aCredential({ name: '`reboot`' })
    const text = toAllow({ code, principal, credential, required: 'orders:write' })
    const [, command] = /(npx credence .*)$/.exec(text) ?? []
    if (command !== undefined) assert.match(command, /^[A-Za-z0-9 :._-]+$/, code)
  }
})
