/** Negative controls: guards broken in one way each, and the check that must notice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryReplayGuard } from '../memory-replay-guard.ts'
import type { Redemption, ReplayGuard } from '../replay-guard.ts'
import { GUARD_CHECKS, type OpenedGuard } from './replay-guard-contract.ts'

interface Control {
  readonly fault: string
  readonly noticedBy: RegExp
  /** The guard of each node. */
  readonly make: (real: () => ReplayGuard, clock: () => number) => readonly [ReplayGuard, ReplayGuard]
}

function both(redeem: ReplayGuard['redeem']): readonly [ReplayGuard, ReplayGuard] {
  return [{ redeem }, { redeem }]
}

const CONTROLS: readonly Control[] = [
  {
    fault: 'looks first and writes later',
    noticedBy: /exactly one is the first/,
    make(real) {
      const seen = new Set<string>()
      return both(async (scope, id, issuedAtMs, keepUntilMs) => {
        if (seen.has(scope + id)) return 'replayed'
        await new Promise((resolve) => setImmediate(resolve))
        seen.add(scope + id)
        const redemption = await real().redeem(scope, id, issuedAtMs, keepUntilMs)
        return redemption === 'replayed' ? 'first' : redemption
      })
    },
  },
  {
    fault: 'has a memory for each node',
    noticedBy: /told so, on every node/,
    make(real, clock) {
      const other = new MemoryReplayGuard({ maxRedemptions: 1000, clock })
      return [{ redeem: (...args) => real().redeem(...args) }, { redeem: (...args) => other.redeem(...args) }]
    },
  },
  {
    fault: 'takes the scope and the id for one text',
    noticedBy: /ids of different scopes/,
    make: (real) => both((scope, id, ...times) => real().redeem('', scope + id, ...times)),
  },
  {
    fault: 'believes in what was issued before it began',
    noticedBy: /issued before the memory began/,
    make: (real, clock) =>
      both((scope, id, _, keepUntilMs) => real().redeem(scope, id, clock(), keepUntilMs)),
  },
  {
    fault: 'does not notice that its memory was lost',
    noticedBy: /before the memory was lost/,
    make(_, clock) {
      const seen = new Map<string, Redemption>()
      const beganAtMs = clock()
      let losses = 0
      return both(async (scope, id, issuedAtMs) => {
        // The third call of the check comes after the loss.
        if (++losses === 2) seen.clear()
        const key = `${scope.length}:${scope}${id}`
        if (seen.has(key)) return 'replayed'
        if (issuedAtMs <= beganAtMs) return 'too_old'
        seen.set(key, 'first')
        return 'first'
      })
    },
  },
  {
    fault: 'accepts what has ended',
    noticedBy: /has ended already/,
    make: (real, clock) => both((scope, id, issuedAtMs) => real().redeem(scope, id, issuedAtMs, clock() + 1)),
  },
]

function open({ make }: Control): OpenedGuard {
  let nowMs = Date.UTC(2026, 5, 16, 12)
  const clock = () => nowMs
  let real = new MemoryReplayGuard({ maxRedemptions: 100_000, clock })
  return {
    guards: make(() => real, clock),
    clock,
    pass: async (ms) => {
      nowMs += ms
    },
    lose: async () => {
      real = new MemoryReplayGuard({ maxRedemptions: 100_000, clock })
    },
    close: async () => {},
  }
}

for (const control of CONTROLS) {
  test(`the contract notices a guard that ${control.fault}`, async () => {
    const check = GUARD_CHECKS.find(({ name }) => control.noticedBy.test(name))
    assert.ok(check !== undefined, `no check is called ${control.noticedBy}`)
    await assert.rejects(check.run(open(control)), assert.AssertionError)
  })
}

test('every check of the contract has a guard that it notices', () => {
  const without = GUARD_CHECKS.filter(({ name }) => CONTROLS.every(({ noticedBy }) => !noticedBy.test(name)))
  assert.deepEqual(without, [])
})
