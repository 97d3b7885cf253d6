/** Negative controls: authorities broken in one way each, and the check that must notice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Leased, LeaseResult, LimitAuthority, SharedLimit, Unused, Wanted } from '../limit-authority.ts'
import { MemoryAuthority } from '../memory-authority.ts'
import type { OpenedAuthority } from './limit-authority-check.ts'
import { AUTHORITY_CHECKS } from './limit-authority-contract.ts'

interface Real {
  readonly lease: (wanted: readonly Wanted[]) => LeaseResult
  readonly giveBack: (unused: readonly Unused[]) => void
}

interface Control {
  readonly fault: string
  readonly noticedBy: RegExp
  /** How its clock is read; as it is, when left out. */
  readonly clock?: (ms: number) => number
  readonly lease?: (wanted: readonly Wanted[], real: Real) => LeaseResult | Promise<LeaseResult>
  readonly giveBack?: (unused: readonly Unused[], real: Real) => void
}

/** Only the part that was named is broken. */
function open(control: Control): OpenedAuthority {
  const { clock = (ms) => ms, lease, giveBack } = control
  let nowMs = 0
  const memory = new MemoryAuthority({ maxCounters: 100_000, clock: Date.now })
  const real: Real = {
    lease: (wanted) => memory.leaseNow(wanted, clock(nowMs)),
    giveBack: (unused) => memory.giveBackNow(unused, clock(nowMs)),
  }
  const authority: LimitAuthority = {
    lease: async (wanted) => (lease === undefined ? real.lease(wanted) : lease(wanted, real)),
    giveBack: async (unused) => (giveBack === undefined ? real.giveBack(unused) : giveBack(unused, real)),
  }
  const setClock = async (ms: number) => {
    nowMs = ms
  }
  return { authority, setClock, close: async () => {} }
}

function each(wanted: readonly Wanted[], change: (one: Wanted) => Partial<Wanted>): Wanted[] {
  return wanted.map((one) => ({ ...one, ...change(one) }))
}

function changed(result: LeaseResult, change: (one: Leased, index: number) => Partial<Leased>): LeaseResult {
  return { ...result, leased: result.leased.map((one, index) => ({ ...one, ...change(one, index) })) }
}

const seen = new Map<string, SharedLimit>()
let latestMs = 0

const CONTROLS: readonly Control[] = [
  {
    fault: 'looks first and takes later',
    noticedBy: /of 200 callers at once/,
    async lease(wanted, real) {
      const { leased } = real.lease(each(wanted, () => ({ cost: 0, batch: 0 })))
      await new Promise((resolve) => setImmediate(resolve))
      real.lease(wanted)
      return { allowed: leased.every((one, index) => one.remaining >= wanted[index]!.cost), leased }
    },
  },
  {
    fault: 'takes from one after another until one refuses',
    noticedBy: /or none is touched/,
    lease(wanted, real) {
      const results = wanted.map((one) => real.lease([one]))
      return {
        allowed: results.every(({ allowed }) => allowed),
        leased: results.flatMap(({ leased }) => leased),
      }
    },
  },
  {
    fault: 'says a millisecond too little to wait',
    noticedBy: /to wait so long is enough/,
    lease: (wanted, real) =>
      changed(real.lease(wanted), ({ retryAfterMs }) => ({
        retryAfterMs: retryAfterMs === null ? null : retryAfterMs - 1,
      })),
  },
  {
    fault: 'lets a cost above the limit pass while the counter is full',
    noticedBy: /a cost above the limit never passes/,
    lease: (wanted, real) =>
      real.lease(each(wanted, ({ cost, limit }) => ({ cost: Math.min(cost, limit.limit) }))),
  },
  {
    fault: 'charges for a question',
    noticedBy: /to ask for nothing/,
    lease: (wanted, real) => real.lease(each(wanted, ({ cost }) => ({ cost: Math.max(1, cost) }))),
  },
  {
    fault: 'leases the batch on trust, without taking it',
    noticedBy: /at most the batch, and is taken/,
    lease: (wanted, real) =>
      changed(real.lease(each(wanted, () => ({ batch: 0 }))), (_, index) => ({
        units: wanted[index]!.batch,
      })),
  },
  {
    fault: 'leases what it saw before others came',
    noticedBy: /costs and units together are exactly the limit/,
    async lease(wanted, real) {
      const result = real.lease(each(wanted, () => ({ batch: 0 })))
      await new Promise((resolve) => setImmediate(resolve))
      const units = (one: Leased, index: number) => Math.min(one.remaining, wanted[index]!.batch)
      real.lease(
        each(wanted, (one) => ({
          cost: units(result.leased[wanted.indexOf(one)]!, wanted.indexOf(one)),
          batch: 0,
        })),
      )
      return result.allowed ? changed(result, (one, index) => ({ units: units(one, index) })) : result
    },
  },
  {
    fault: 'keeps what is given back',
    noticedBy: /what is given back can be taken again/,
    giveBack: () => {},
  },
  {
    fault: 'gives to the new period what the old one left',
    noticedBy: /units of a period that is over/,
    giveBack(unused, real) {
      const { leased } = real.lease(unused.map((one) => ({ ...one, cost: 0, batch: 0 })))
      real.giveBack(unused.map((one, index) => ({ ...one, periodMs: leased[index]!.periodMs })))
    },
  },
  {
    fault: 'counts periods in a time zone of its own',
    noticedBy: /calendar period in UTC/,
    clock: (ms) => ms + 3_600_000,
  },
  {
    fault: 'keeps to a limit as it was first seen',
    noticedBy: /a limit that was lowered/,
    lease(wanted, real) {
      for (const { key, limit } of wanted) if (!seen.has(key)) seen.set(key, limit)
      return real.lease(each(wanted, ({ key }) => ({ limit: seen.get(key)! })))
    },
  },
  {
    fault: 'waits for a clock that went back to catch up',
    noticedBy: /a clock that goes back blocks no longer/,
    clock(ms) {
      latestMs = Math.max(latestMs, ms)
      return latestMs
    },
  },
  {
    fault: 'rounds what is left up',
    noticedBy: /that of the arithmetic of limits/,
    lease: (wanted, real) =>
      changed(real.lease(wanted), ({ remaining, resetMs }) => ({
        remaining: resetMs % 1000 === 0 ? remaining : remaining + 1,
      })),
  },
]

/** The check itself refused, be it inside a property of fast-check; the broken authority did not just crash. */
function isAssertion(error: Error): boolean {
  return error instanceof assert.AssertionError || error.cause instanceof assert.AssertionError
}

for (const control of CONTROLS) {
  test(`the contract notices an authority that ${control.fault}`, async () => {
    const check = AUTHORITY_CHECKS.find(({ name }) => control.noticedBy.test(name))
    assert.ok(check !== undefined, `no check is called ${control.noticedBy}`)
    await assert.rejects(check.run(open(control)), isAssertion)
  })
}

test('every check of the contract has an authority that it notices', () => {
  const without = AUTHORITY_CHECKS.filter(({ name }) =>
    CONTROLS.every(({ noticedBy }) => !noticedBy.test(name)),
  )
  assert.deepEqual(without, [])
})
