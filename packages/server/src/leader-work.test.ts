import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeaderWork } from './leader-work.ts'
import { StoreFault } from './store/port.ts'

function setUp() {
  const state = { leads: true, isGone: false }
  const forgotten: string[] = []
  const faults: unknown[] = []
  const work = new LeaderWork({
    store: {
      lead: async () => {
        if (state.isGone) throw new StoreFault('gone')
        return state.leads
      },
      forgetIdempotencyBefore: async (ms) => void forgotten.push(`idempotency ${ms}`),
      forgetAccessTokensBefore: async (ms) => void forgotten.push(`tokens ${ms}`),
      forgetChangesBefore: async (ms) => void forgotten.push(`changes ${ms}`),
    },
    clock: () => 100 * 3_600_000,
    idempotencyKeptMs: 86_400_000,
    changesKeptMs: 3_600_000,
    keepSigningKeys: async () => void forgotten.push('signing keys'),
    onFault: (error) => faults.push(error),
  })
  return { state, forgotten, faults, work }
}

test('the leader forgets old idempotency keys, old changes and tokens that are over, and keeps the signing keys, and nobody else does', async () => {
  const { state, forgotten, work } = setUp()
  state.leads = false
  await work.run()
  assert.deepEqual([forgotten, work.isLeader], [[], false])
  state.leads = true
  await work.run()
  assert.equal(work.isLeader, true)
  assert.deepEqual(forgotten, [
    `idempotency ${76 * 3_600_000}`,
    `changes ${99 * 3_600_000}`,
    `tokens ${99 * 3_600_000}`,
    'signing keys',
  ])
})

test('a store that is gone makes nobody leader, and is told', async () => {
  const { state, faults, work } = setUp()
  await work.run()
  state.isGone = true
  await work.run()
  assert.equal(work.isLeader, false)
  assert.equal(faults.length, 1)
})
