import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LeaseResult, LimitAuthority, SharedLimit, Wanted } from '../limit-authority.ts'
import type { Quota, RateLimit } from '../records.ts'
import type { AuthorityCheck, OpenedAuthority } from './limit-authority-check.ts'
import { MODEL_CHECKS } from './limit-authority-model.ts'

const NOW = Date.UTC(2026, 5, 16, 12)
const RATE: RateLimit = { type: 'rate', name: 'minute', limit: 100, windowSeconds: 60 }
const DAILY: Quota = { type: 'quota', name: 'day', limit: 100, period: 'day' }

function want(key: string, limit: SharedLimit, cost: number, batch = 0): Wanted {
  return { key, limit, cost, batch }
}

async function remaining(authority: LimitAuthority, key: string, limit: SharedLimit): Promise<number> {
  const { leased } = await authority.lease([want(key, limit, 0)])
  return leased[0]!.remaining
}

/** Costs and leased units of all calls that passed. */
function totalOf(results: readonly LeaseResult[], cost: number): number {
  return results
    .filter((result) => result.allowed)
    .reduce((sum, result) => sum + cost + result.leased[0]!.units, 0)
}

const TAKING_CHECKS: readonly AuthorityCheck[] = [
  {
    name: 'of 200 callers at once exactly as many pass as the limit says, each with another remainder',
    async run({ authority, setClock }) {
      await setClock(NOW)
      for (const limit of [RATE, DAILY]) {
        const results = await Promise.all(
          Array.from({ length: 200 }, () => authority.lease([want('k', limit, 1)])),
        )
        const passed = results.filter((result) => result.allowed)
        const remainders = passed.map(({ leased }) => leased[0]!.remaining).toSorted((a, b) => a - b)
        assert.deepEqual(
          remainders,
          Array.from({ length: 100 }, (_, index) => index),
        )
        await authority.giveBack([{ key: 'k', limit, units: 100, periodMs: results[0]!.leased[0]!.periodMs }])
      }
    },
  },
  {
    name: 'all of the limits have the cost, or none is touched and nothing is leased',
    async run({ authority, setClock }) {
      await setClock(NOW)
      await authority.lease([want('full', RATE, 99)])
      const refused = await authority.lease([
        want('a', DAILY, 2, 5),
        want('full', RATE, 2, 5),
        want('b', RATE, 2, 5),
      ])
      assert.equal(refused.allowed, false)
      assert.deepEqual(
        refused.leased.map(({ allowed, units, remaining }) => [allowed, units, remaining]),
        [
          [true, 0, 100],
          [false, 0, 1],
          [true, 0, 100],
        ],
      )
      assert.equal(await remaining(authority, 'a', DAILY), 100)
      assert.equal(await remaining(authority, 'full', RATE), 1)
      assert.equal(await remaining(authority, 'b', RATE), 100)
      assert.equal((await authority.lease([want('a', DAILY, 2, 5), want('full', RATE, 1, 5)])).allowed, true)
      assert.equal(await remaining(authority, 'a', DAILY), 93)
    },
  },
  {
    name: 'a refusal says how long to wait, and to wait so long is enough',
    async run({ authority, setClock }) {
      await setClock(NOW)
      await authority.lease([want('k', RATE, 100), want('d', DAILY, 100)])
      const rate = (await authority.lease([want('k', RATE, 3)])).leased[0]!
      assert.deepEqual([rate.retryAfterMs, rate.resetMs], [1800, 60_000])
      await setClock(NOW + 1799)
      assert.equal((await authority.lease([want('k', RATE, 3)])).allowed, false)
      await setClock(NOW + 1800)
      assert.equal((await authority.lease([want('k', RATE, 3)])).allowed, true)
      const quota = (await authority.lease([want('d', DAILY, 1)])).leased[0]!
      assert.equal(quota.retryAfterMs, Date.UTC(2026, 5, 17) - NOW - 1800)
    },
  },
  {
    name: 'a cost above the limit never passes, spends nothing, and waiting does not help',
    async run({ authority, setClock }) {
      await setClock(NOW)
      for (const limit of [RATE, DAILY]) {
        const { allowed, leased } = await authority.lease([want('k', limit, 101, 5)])
        assert.deepEqual([allowed, leased[0]!.retryAfterMs, leased[0]!.units], [false, null, 0])
        assert.equal(await remaining(authority, 'k', limit), 100)
      }
    },
  },
  {
    name: 'to ask for nothing is answered, and touches nothing',
    async run({ authority, setClock }) {
      await setClock(NOW)
      assert.deepEqual(await authority.lease([]), { allowed: true, leased: [] })
      await authority.giveBack([])
      await authority.lease([want('k', RATE, 100)])
      const asked = await authority.lease([want('k', RATE, 0)])
      assert.deepEqual([asked.allowed, asked.leased[0]!.remaining], [true, 0])
    },
  },
]

const LEASING_CHECKS: readonly AuthorityCheck[] = [
  {
    name: 'beyond the cost, what fits is leased, at most the batch, and is taken',
    async run({ authority, setClock }) {
      await setClock(NOW)
      for (const limit of [RATE, DAILY]) {
        const key = limit.type
        const [first, second, third] = [
          (await authority.lease([want(key, limit, 60, 30)])).leased[0]!,
          (await authority.lease([want(key, limit, 0, 30)])).leased[0]!,
          (await authority.lease([want(key, limit, 0, 30)])).leased[0]!,
        ]
        assert.deepEqual([first.units, first.remaining], [30, 10])
        assert.deepEqual([second.units, second.remaining], [10, 0])
        assert.deepEqual([third.allowed, third.units], [true, 0])
        assert.equal((await authority.lease([want(key, limit, 1, 30)])).allowed, false)
      }
    },
  },
  {
    name: 'of 60 callers at once that take batches, costs and units together are exactly the limit',
    async run({ authority, setClock }) {
      await setClock(NOW)
      for (const limit of [RATE, DAILY]) {
        const results = await Promise.all(
          Array.from({ length: 60 }, () => authority.lease([want(limit.type, limit, 1, 7)])),
        )
        assert.equal(totalOf(results, 1), 100)
      }
    },
  },
  {
    name: 'what is given back can be taken again, and no counter gets fuller than full',
    async run({ authority, setClock }) {
      await setClock(NOW)
      for (const limit of [RATE, DAILY]) {
        const key = limit.type
        const { units, periodMs } = (await authority.lease([want(key, limit, 90, 10)])).leased[0]!
        await authority.giveBack([{ key, limit, units: units - 4, periodMs }])
        assert.equal(await remaining(authority, key, limit), 6)
        await authority.giveBack([{ key, limit, units: 5000, periodMs }])
        assert.equal(await remaining(authority, key, limit), 100)
        assert.equal((await authority.lease([want(key, limit, 101)])).allowed, false)
      }
      await authority.giveBack([{ key: 'never seen', limit: DAILY, units: 5, periodMs: NOW }])
      assert.equal(await remaining(authority, 'never seen', DAILY), 100)
    },
  },
  {
    name: 'units of a period that is over are not given to the next one',
    async run({ authority, setClock }) {
      await setClock(NOW)
      const { units, periodMs } = (await authority.lease([want('d', DAILY, 0, 50)])).leased[0]!
      assert.equal(periodMs, Date.UTC(2026, 5, 16))
      await setClock(Date.UTC(2026, 5, 17, 1))
      await authority.lease([want('d', DAILY, 100)])
      await authority.giveBack([{ key: 'd', limit: DAILY, units, periodMs }])
      assert.equal(await remaining(authority, 'd', DAILY), 0)
    },
  },
]

const PERIOD_ENDS: readonly (readonly [Quota['period'], lastMs: number])[] = [
  ['hour', Date.UTC(2026, 5, 16, 12, 59, 59, 999)],
  ['day', Date.UTC(2026, 11, 31, 23, 59, 59, 999)],
  // A Sunday.
  ['week', Date.UTC(2026, 5, 21, 23, 59, 59, 999)],
  ['month', Date.UTC(2026, 11, 31, 23, 59, 59, 999)],
  ['month', Date.UTC(2028, 1, 29, 23, 59, 59, 999)],
  ['month', Date.UTC(2026, 1, 28, 23, 59, 59, 999)],
  ['month', Date.UTC(2100, 1, 28, 23, 59, 59, 999)],
  ['month', Date.UTC(2026, 3, 30, 23, 59, 59, 999)],
]

const TIME_CHECKS: readonly AuthorityCheck[] = [
  {
    name: 'a quota begins anew with its calendar period in UTC, to the millisecond, and says when it ends',
    async run({ authority, setClock }) {
      for (const [period, lastMs] of PERIOD_ENDS) {
        const limit: Quota = { ...DAILY, period }
        const key = `${period}:${lastMs}`
        await setClock(lastMs)
        const last = (await authority.lease([want(key, limit, 100)])).leased[0]!
        assert.deepEqual([last.endsInMs, last.resetMs], [1, 1], key)
        assert.equal((await authority.lease([want(key, limit, 1)])).leased[0]!.retryAfterMs, 1, key)
        await setClock(lastMs + 1)
        const next = (await authority.lease([want(key, limit, 1)])).leased[0]!
        assert.deepEqual([next.remaining, next.periodMs], [99, lastMs + 1], key)
      }
    },
  },
  {
    name: 'a limit that was lowered refuses until it has room again, and one that was raised has it at once',
    async run({ authority, setClock }) {
      await setClock(NOW)
      for (const limit of [RATE, DAILY]) {
        const key = limit.type
        await authority.lease([want(key, limit, 80)])
        const lower = { ...limit, limit: 50 }
        const refused = (await authority.lease([want(key, lower, 1)])).leased[0]!
        assert.deepEqual([refused.allowed, refused.remaining], [false, 0])
        assert.ok((refused.retryAfterMs ?? 0) <= 86_400_000 && (refused.retryAfterMs ?? 0) > 0)
        assert.equal((await authority.lease([want(key, { ...limit, limit: 200 }, 100)])).allowed, true)
      }
      await setClock(NOW + 1200)
      assert.equal((await authority.lease([want('rate', { ...RATE, limit: 50 }, 1)])).allowed, true)
    },
  },
  {
    name: 'a clock that goes back blocks no longer than one window, though every call in between is refused',
    async run({ authority, setClock }) {
      await setClock(NOW)
      await authority.lease([want('k', RATE, 100)])
      await setClock(NOW - 300_000)
      assert.equal((await authority.lease([want('k', RATE, 1)])).leased[0]!.retryAfterMs, 600)
      await setClock(NOW - 300_000 + 599)
      assert.equal((await authority.lease([want('k', RATE, 1)])).allowed, false)
      await setClock(NOW - 300_000 + 600)
      assert.equal((await authority.lease([want('k', RATE, 1)])).allowed, true)
    },
  },
]

/** Everything that must hold of an authority. */
export const AUTHORITY_CHECKS: readonly AuthorityCheck[] = [
  ...TAKING_CHECKS,
  ...LEASING_CHECKS,
  ...TIME_CHECKS,
  ...MODEL_CHECKS,
]

/** Registers the contract as tests of one authority. `open` gives a new one each time. */
export function limitAuthorityContract(name: string, open: () => Promise<OpenedAuthority>): void {
  describe(`limit authority contract: ${name}`, () => {
    for (const check of AUTHORITY_CHECKS) {
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
