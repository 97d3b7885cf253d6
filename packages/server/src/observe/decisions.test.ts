import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decision, LimitState, VerdictCode } from '@credence/core'
import { aCredential, aDecision, anApi, aPrincipal } from '@credence/core/testing/records'
import type { DecisionEntry } from './decision-entry.ts'
import { DecisionLog } from './decisions.ts'

const WORKSPACE = 'ws_000000000001'

function decision(code: VerdictCode, change: Partial<Decision> = {}): Decision {
  return aDecision({ code, ...change })
}

function entry(requestId: string, change: Partial<DecisionEntry> = {}): DecisionEntry {
  return {
    requestId,
    workspaceId: WORKSPACE,
    atMs: 1000,
    durationMs: 0.2,
    via: 'gateway',
    method: 'GET',
    path: '/orders/7',
    ip: '127.0.0.1',
    decision: decision('VALID'),
    ...change,
  }
}

test('only the last so many are kept, and an id that was forgotten is not found', () => {
  const log = new DecisionLog(3)
  for (const id of ['r1', 'r2', 'r3', 'r4']) log.record(entry(id))
  assert.equal(log.get(WORKSPACE, 'r1'), undefined)
  assert.equal(log.get(WORKSPACE, 'r2')?.requestId, 'r2')
  assert.deepEqual(
    log.list({ workspaceId: WORKSPACE, limit: 10 }).map(({ requestId }) => requestId),
    ['r4', 'r3', 'r2'],
  )
})

test('many decisions hold the memory of the ring', () => {
  const log = new DecisionLog(100)
  for (let n = 0; n < 100_000; n++) log.record(entry(`r${n}`))
  assert.equal(log.list({ workspaceId: WORKSPACE, limit: 1_000_000 }).length, 100)
  assert.equal(log.get(WORKSPACE, 'r99899'), undefined)
  assert.ok(log.get(WORKSPACE, 'r99900'))
})

test('of two decisions about one request the later one is found, also after the earlier is forgotten', () => {
  const log = new DecisionLog(2)
  log.record(entry('r1', { via: 'admin' }))
  log.record(entry('r1', { via: 'verify' }))
  assert.equal(log.get(WORKSPACE, 'r1')?.via, 'verify')
  log.record(entry('r2'))
  assert.equal(log.get(WORKSPACE, 'r1')?.via, 'verify')
  log.record(entry('r3'))
  assert.equal(log.get(WORKSPACE, 'r1'), undefined)
})

test('no workspace reads the decisions of another', () => {
  const log = new DecisionLog(10)
  log.record(entry('r1', { workspaceId: 'ws_other0000000' }))
  assert.equal(log.get(WORKSPACE, 'r1'), undefined)
  assert.deepEqual(log.list({ workspaceId: WORKSPACE, limit: 10 }), [])
})

test('a list is newest first, filtered by code, credential and API, and no longer than asked for', () => {
  const log = new DecisionLog(10)
  log.record(entry('r1', { decision: decision('VALID', { api: anApi(), credential: aCredential() }) }))
  log.record(entry('r2', { decision: decision('EXPIRED', { api: anApi(), credential: aCredential() }) }))
  log.record(entry('r3', { decision: decision('EXPIRED', { api: anApi({ id: 'api_other0000000' }) }) }))
  const ids = (query: object) =>
    log.list({ workspaceId: WORKSPACE, limit: 10, ...query }).map(({ requestId }) => requestId)
  assert.deepEqual(ids({}), ['r3', 'r2', 'r1'])
  assert.deepEqual(ids({ limit: 1 }), ['r3'])
  assert.deepEqual(ids({ code: 'EXPIRED' }), ['r3', 'r2'])
  assert.deepEqual(ids({ credentialId: aCredential().id }), ['r2', 'r1'])
  assert.deepEqual(ids({ apiId: anApi().id, code: 'VALID' }), ['r1'])
  assert.deepEqual(ids({ credentialId: 'BBBBBBBBBBBB' }), [])
})

test('a path is kept without query, without secrets and not at any length', () => {
  const log = new DecisionLog(10)
  const secret = 'Zb3'.repeat(12)
  log.record(entry('r1', { path: `/orders?key=crd_live_5Hd8kQ2mZx1a${secret}` }))
  log.record(entry('r2', { path: `/keys/crd_live_5Hd8kQ2mZx1a${secret}` }))
  log.record(entry('r3', { path: `/${'x'.repeat(20_000)}` }))
  log.record(entry('r4', { path: `/${'x'.repeat(490)}/crd_live_5Hd8kQ2mZx1a${secret}` }))
  log.record(entry('r5', { path: null }))
  const path = (id: string) => log.get(WORKSPACE, id)?.path
  assert.equal(path('r1'), '/orders')
  assert.equal(path('r2'), '/keys/crd_live_5Hd8kQ2mZx1a[redacted]')
  assert.ok((path('r3')?.length ?? 0) <= 513)
  assert.ok(!path('r4')?.includes('Zb3'))
  assert.equal(path('r5'), null)
})

function limit(name: string, change: Partial<LimitState> = {}): LimitState {
  const rate = {
    owner: 'credential',
    type: 'rate',
    limit: 10,
    remaining: 9,
    resetSeconds: 1,
    windowSeconds: 1,
  } as const
  return { name, ...rate, ...change }
}

test('a decision is found as it was, whatever stood in its place before, and stays so when its place is used again', () => {
  const log = new DecisionLog(1)
  const credits = limit('credits', { type: 'credits', resetSeconds: null, windowSeconds: null })
  const full = entry('r1', {
    via: 'verify',
    decision: decision('RATE_LIMITED', {
      ...{ failedCheck: 'limits', detail: 'none left', api: anApi(), route: 'GET /orders/*', public: true },
      ...{ credential: aCredential(), version: 2, principal: aPrincipal(), scopes: ['orders:read'] },
      ...{ required: 'orders:read', limits: [limit('default')], retryAfterSeconds: 3, staleSeconds: 4 },
    }),
  })
  const bare = entry('r2', { atMs: 1_790_000_000_000.5, durationMs: 0, method: null, path: null, ip: null })
  const several = entry('r3', { decision: decision('VALID', { limits: [limit('default'), credits] }) })
  const one = entry('r4', { decision: decision('VALID', { limits: [credits] }) })
  const found: (DecisionEntry | undefined)[] = []
  for (const recorded of [full, bare, several, one, full]) {
    log.record(recorded)
    found.push(log.get(WORKSPACE, recorded.requestId))
  }
  assert.deepEqual(found, [full, bare, several, one, full])
})
