import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Redemption, ReplayGuard } from '../replay-guard.ts'

/** A new guard, whose memory begins now. */
export interface OpenedGuard {
  /** Two nodes that share one memory; a guard that only one process has is both of them. */
  readonly guards: readonly [ReplayGuard, ReplayGuard]
  /** The clock of the nodes. */
  readonly clock: () => number
  /** Waits, or sets the clock ahead, until the clock shows more than it did by so much. */
  readonly pass: (ms: number) => Promise<void>
  /** Takes away what the guards remember, as a restart does. They go on. */
  readonly lose: () => Promise<void>
  readonly close: () => Promise<void>
}

/** One thing that every guard must do. It throws when the guard does not. */
export interface GuardCheck {
  readonly name: string
  run(opened: OpenedGuard): Promise<void>
}

const LIFE_MS = 60_000

/** Of 100 ids, each issued now. */
async function redeemMany(guard: ReplayGuard, clock: () => number, prefix: string): Promise<Redemption[]> {
  return Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      guard.redeem('s', `${prefix}${index}`, clock(), clock() + LIFE_MS),
    ),
  )
}

export const GUARD_CHECKS: readonly GuardCheck[] = [
  {
    name: 'of 100 racers over two nodes exactly one is the first',
    async run({ guards, clock, pass }) {
      await pass(5)
      const issuedAtMs = clock()
      const redemptions = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          guards[index % 2]!.redeem('dpop', 'jti-1', issuedAtMs, issuedAtMs + LIFE_MS),
        ),
      )
      assert.deepEqual(
        [
          redemptions.filter((redemption) => redemption === 'first').length,
          redemptions.filter((one) => one === 'replayed').length,
        ],
        [1, 99],
      )
    },
  },
  {
    name: 'who redeems again is told so, on every node, whatever else it says of the same id',
    async run({ guards, clock, pass }) {
      await pass(5)
      const issuedAtMs = clock()
      assert.equal(await guards[0].redeem('dpop', 'jti', issuedAtMs, issuedAtMs + LIFE_MS), 'first')
      await pass(5)
      for (const guard of guards) {
        assert.equal(await guard.redeem('dpop', 'jti', issuedAtMs, issuedAtMs + LIFE_MS), 'replayed')
        assert.equal(await guard.redeem('dpop', 'jti', clock(), clock() + 2 * LIFE_MS), 'replayed')
      }
    },
  },
  {
    name: 'ids of different scopes, and different ids, have nothing to do with each other',
    async run({ guards, clock, pass }) {
      await pass(5)
      const issuedAtMs = clock()
      const pairs = [
        ['dpop', 'a'],
        ['dpop', 'b'],
        ['assertion', 'a'],
        ['dpopa', ''],
        ['dpop:', 'a'],
        ['dpop', ':a'],
        ['dpop', 'x'.repeat(100_000)],
        ['dpop', 'a\0'],
        ['dpop', 'ä \ud83d\ude00'],
      ] as const
      for (const [scope, id] of pairs) {
        assert.equal(await guards[0].redeem(scope, id, issuedAtMs, issuedAtMs + LIFE_MS), 'first', scope)
      }
      for (const [scope, id] of pairs) {
        assert.equal(await guards[1].redeem(scope, id, issuedAtMs, issuedAtMs + LIFE_MS), 'replayed', scope)
      }
    },
  },
  {
    name: 'what was issued before the memory began is too old, and what is issued after it is not',
    async run({ guards, clock, pass }) {
      await pass(5)
      const before = clock() - 1000
      assert.equal(await guards[0].redeem('s', 'before', before, clock() + LIFE_MS), 'too_old')
      assert.equal(
        await guards[1].redeem('s', 'before', before, clock() + LIFE_MS),
        'too_old',
        'and stays so',
      )
      await pass(5)
      assert.deepEqual(await redeemMany(guards[0], clock, 'after'), Array(100).fill('first'))
    },
  },
  {
    name: 'what was redeemed before the memory was lost is too old after it, never the first',
    async run({ guards, clock, pass, lose }) {
      await pass(5)
      const issuedAtMs = clock()
      const redeem = (guard: ReplayGuard) => guard.redeem('s', 'once', issuedAtMs, issuedAtMs + LIFE_MS)
      assert.equal(await redeem(guards[0]), 'first')
      await lose()
      assert.equal(await redeem(guards[1]), 'too_old')
      assert.equal(await redeem(guards[0]), 'too_old')
      await pass(5)
      assert.deepEqual(await redeemMany(guards[1], clock, 'fresh'), Array(100).fill('first'))
      assert.deepEqual(await redeemMany(guards[0], clock, 'fresh'), Array(100).fill('replayed'))
    },
  },
  {
    name: 'what has ended already is not remembered and not the first',
    async run({ guards, clock, pass }) {
      await pass(20)
      assert.equal(await guards[0].redeem('s', 'ended', clock() - 10, clock()), 'too_old')
      assert.equal(await guards[0].redeem('s', 'ended', clock() - 10, clock() - 5), 'too_old')
    },
  },
]

/** Registers the contract as tests of one guard. `open` gives a new one each time. */
export function replayGuardContract(name: string, open: () => Promise<OpenedGuard>): void {
  describe(`replay guard contract: ${name}`, () => {
    for (const check of GUARD_CHECKS) {
      test(check.name, async () => {
        const opened = await open()
        try {
          await check.run(opened)
        } finally {
          await opened.close()
        }
      })
    }
  })
}
