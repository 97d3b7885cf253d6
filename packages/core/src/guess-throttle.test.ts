import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { mostAttempts } from './attempt-ledger.ts'
import { GUESS_RULES, type GuessAnswer, GuessThrottle, partyOf } from './guess-throttle.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

const NOW = Date.UTC(2026, 5, 16, 12)
const HOUR_MS = 3_600_000
const CAP_SECONDS = GUESS_RULES.pair.longestWaitMs / 1000

function throttle(maxEntries = 1000): GuessThrottle {
  return new GuessThrottle({ rules: GUESS_RULES, maxEntries })
}

/** Somebody who knows the password. */
function comesIn(to: GuessThrottle, username: string, address: string, nowMs: number): boolean {
  const answer = to.admit(username, address, nowMs)
  if (answer.allowed) to.succeeded(answer.guess)
  return answer.allowed
}

/** How many of `times` wrong guesses at one moment are let through. */
function guesses(
  to: GuessThrottle,
  username: string,
  address: string | null,
  nowMs: number,
  times = 100,
): number {
  return Array.from({ length: times }, () => to.admit(username, address, nowMs)).filter(
    ({ allowed }) => allowed,
  ).length
}

function waitOf(answer: GuessAnswer): number {
  return answer.allowed ? 0 : answer.retryAfterSeconds
}

describe('the throttle of guesses', () => {
  test('allows the numbers that the decision page states', () => {
    const { pair, username, address } = GUESS_RULES
    assert.deepEqual(
      [pair, username, address].map((rule) => mostAttempts(rule, HOUR_MS)),
      [17, 32, 62],
    )
  })

  test('lets a pair fail five times, a username twenty, an address fifty, and then says how long to wait', () => {
    assert.equal(guesses(throttle(), 'ann', '192.0.2.1', NOW), 5)
    const byName = throttle()
    const byAddress = throttle()
    let [names, addresses] = [0, 0]
    for (let index = 0; index < 40; index += 1) {
      names += guesses(byName, 'ann', `192.0.2.${index}`, NOW, 3)
      addresses += guesses(byAddress, `user${index}`, '192.0.2.1', NOW, 3)
    }
    assert.deepEqual([names, addresses], [20, 50])
    assert.equal(waitOf(byName.admit('ann', '198.51.100.1', NOW)), 1)
    assert.equal(waitOf(byName.admit('ann', '198.51.100.1', NOW + 1000)), 0)
    assert.equal(waitOf(byName.admit('ann', '198.51.100.1', NOW + 1000)), 2)
    assert.equal(waitOf(byName.admit('bob', '198.51.100.1', NOW)), 0, 'another username')
    assert.equal(waitOf(byAddress.admit('ann', '198.51.100.1', NOW)), 0, 'another address')
  })

  test('counts what is under way: a hundred at once are not a hundred guesses', () => {
    assert.equal(guesses(throttle(), 'ann', '192.0.2.1', NOW, 100), 5)
  })

  test('is not made longer by whoever knocks too early: a quarter of an hour where known, elsewhere a day', () => {
    for (const [isKnown, capSeconds] of [
      [true, CAP_SECONDS],
      [false, 24 * 3600],
    ] as const) {
      const one = throttle()
      if (isKnown) comesIn(one, 'ann', '192.0.2.1', NOW)
      let longest = 0
      for (let second = 0; second < 60 * 3600; second += 1) {
        longest = Math.max(longest, waitOf(one.admit('ann', '192.0.2.1', NOW + second * 1000)))
      }
      assert.equal(longest, capSeconds - 1, 'a second after one that counted')
      assert.equal(guesses(one, 'ann', '192.0.2.1', NOW + (60 * 3600 + capSeconds) * 1000), 1)
    }
  })

  /** Guesses at ann as early as may be, from ever new addresses: how many are let through until `endMs`. */
  function guessedUntil(to: GuessThrottle, startMs: number, endMs: number): number {
    let made = 0
    for (let [nowMs, host] = [startMs, 0]; nowMs < endMs; host += 1) {
      const answer = to.admit('ann', `10.0.${host >> 8}.${host & 255}`, nowMs)
      if (answer.allowed) made += 1
      else nowMs += answer.retryAfterSeconds * 1000
    }
    return made
  }

  test('allows a hundred failures in a row, and then one a day, from where a username is not known', () => {
    const one = throttle()
    assert.ok(comesIn(one, 'ann', '192.0.2.1', NOW))
    assert.equal(guessedUntil(one, NOW, NOW + 10 * 24 * HOUR_MS), 100 + 9)
    const laterMs = NOW + 10 * 24 * HOUR_MS
    assert.ok(waitOf(one.admit('ann', '198.51.100.1', laterMs)) > 3600)
    assert.ok(comesIn(one, 'ann', '192.0.2.1', laterMs), 'where it is known it comes in')
    assert.equal(waitOf(one.admit('ann', '198.51.100.1', laterMs)), 0, 'which ends the row')
  })

  test('ends the row when the password is changed', () => {
    const one = throttle()
    guessedUntil(one, NOW, NOW + 48 * HOUR_MS)
    one.forget('ann')
    assert.equal(waitOf(one.admit('ann', '198.51.100.1', NOW + 48 * HOUR_MS)), 0)
  })

  test('begins anew for a pair that succeeds, and for no other', () => {
    const one = throttle()
    guesses(one, 'ann', '192.0.2.1', NOW, 4)
    guesses(one, 'ann', '192.0.2.2', NOW, 4)
    assert.ok(comesIn(one, 'ann', '192.0.2.1', NOW))
    assert.equal(guesses(one, 'ann', '192.0.2.1', NOW), 5)
    assert.equal(guesses(one, 'ann', '192.0.2.2', NOW), 1)
  })

  test('counts no success: one address with many users is not locked out', () => {
    const one = throttle()
    for (let index = 0; index < 1000; index += 1) {
      assert.ok(comesIn(one, `user${index}`, '192.0.2.1', NOW))
      assert.ok(comesIn(one, 'ann', `198.51.100.${index}`, NOW))
    }
  })

  test('counts nothing for what was not compared', () => {
    const one = throttle()
    for (let index = 0; index < 100; index += 1) {
      const answer = one.admit('ann', '192.0.2.1', NOW)
      assert.ok(answer.allowed)
      one.notMade(answer.guess)
    }
    assert.equal(guesses(one, 'ann', '192.0.2.1', NOW), 5)
  })

  test('takes a success of what was admitted as a stranger back from where it was counted', () => {
    const one = throttle()
    const [first, second] = [one.admit('ann', '192.0.2.1', NOW), one.admit('ann', '192.0.2.1', NOW)]
    assert.ok(first.allowed && second.allowed)
    one.succeeded(first.guess)
    one.succeeded(second.guess)
    for (let index = 0; index < 4; index += 1) guesses(one, 'ann', `198.51.100.${index}`, NOW, 5)
    assert.equal(waitOf(one.admit('ann', '203.0.113.1', NOW)), 1, 'twenty were left, and no more')
  })

  test('knows a username at sixteen addresses, the last ones, and none once the password is another', () => {
    const one = throttle()
    for (let index = 0; index < 17; index += 1) comesIn(one, 'ann', `192.0.2.${index}`, NOW)
    const isKnown = (address: string) => {
      const answer = one.admit('ann', address, NOW)
      return answer.allowed && answer.guess.isKnown
    }
    assert.deepEqual(['192.0.2.0', '192.0.2.1', '192.0.2.16'].map(isKnown), [false, true, true])
    one.forget('ann')
    assert.equal(isKnown('192.0.2.16'), false)
  })

  test('takes all addresses of a /64 for one, and an address for the same however it is written', () => {
    const one = throttle()
    const all = Array.from({ length: 100 }, (_, host) => one.admit('ann', `2001:db8:0:7::${host + 1}`, NOW))
    assert.equal(all.filter(({ allowed }) => allowed).length, 5)
    assert.ok(one.admit('ann', '2001:db8:0:8::1', NOW).allowed)
    assert.equal(partyOf('2001:DB8:0:7:0:0:0:1'), partyOf('2001:db8:0:7:ffff::'))
    assert.equal(partyOf('::ffff:192.0.2.1'), partyOf('192.0.2.1'))
    assert.notEqual(partyOf('192.0.2.1'), partyOf('192.0.2.2'))
    assert.equal(guesses(one, 'bob', null, NOW), 5, 'whoever has none is one')
  })

  test('never keeps more than it may', () => {
    const one = throttle(100)
    for (let index = 0; index < 5000; index += 1) {
      guesses(one, `user${index}`, `192.0.2.${index}`, NOW + index, 2)
      comesIn(one, `other${index}`, `198.51.100.${index}`, NOW + index)
    }
    assert.ok(one.size <= 500, `${one.size}`)
  })
})

/** What an attacker does next: from which address, after how long; null: as long as he was told. */
const moves = (most: number) =>
  fc.array(
    fc.tuple(
      fc.nat({ max: 49 }),
      fc.oneof(
        { weight: 4, arbitrary: fc.constant(0) },
        { weight: 3, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 2_000_000 }) },
      ),
    ),
    { minLength: most / 2, maxLength: most },
  )

type Maker = () => GuessThrottle

describe('properties of the throttle of guesses', () => {
  const bounded = (make: Maker) =>
    fc.property(moves(400), fc.boolean(), (steps, withHonest) => {
      const one = make()
      const letThrough: number[] = []
      let nowMs = NOW
      let told = 1
      for (const [number, stepMs] of steps) {
        nowMs += stepMs ?? told * 1000
        if (withHonest) comesIn(one, 'ann', '192.0.2.1', nowMs)
        const answer = one.admit('ann', `198.51.100.${number}`, nowMs)
        told = waitOf(answer)
        if (answer.allowed) letThrough.push(nowMs)
      }
      const most = mostAttempts(GUESS_RULES.username, HOUR_MS)
      for (let index = 0; index + most < letThrough.length; index += 1) {
        assert.ok(letThrough[index + most]! - letThrough[index]! > HOUR_MS, `${most + 1} within an hour`)
      }
    })

  test('from however many addresses, no username is guessed at more than 32 times an hour', () => {
    checkProperty('guesses at one user', 300, bounded(throttle))
    const withoutUsernames = () => {
      const username = { ...GUESS_RULES.username, free: 1_000_000 }
      return new GuessThrottle({ rules: { ...GUESS_RULES, username }, maxEntries: 1000 })
    }
    assert.ok(refutes(100, bounded(withoutUsernames)), 'one that counts pairs alone is seen to be wrong')
    class Resetting extends GuessThrottle {
      override succeeded(guess: Parameters<GuessThrottle['succeeded']>[0]): void {
        for (let index = 0; index < 50; index += 1) this.notMade({ ...guess, isKnown: false })
        super.succeeded(guess)
      }
    }
    const resetting = () => new Resetting({ rules: GUESS_RULES, maxEntries: 1000 })
    assert.ok(refutes(300, bounded(resetting)), 'one whose counts a success clears is seen to be wrong')
  })

  const reachable = (make: Maker) =>
    fc.property(moves(200), fc.array(fc.nat({ max: 12 }), { minLength: 20 }), (steps, mistakes) => {
      const one = make()
      assert.ok(comesIn(one, 'ann', '192.0.2.1', NOW))
      let nowMs = NOW
      let told = 1
      for (const [index, [number, stepMs]] of steps.entries()) {
        nowMs += stepMs ?? told * 1000
        told = waitOf(one.admit('ann', `198.51.100.${number}`, nowMs))
        const tries = mistakes[index % mistakes.length]!
        if (index % 5 === 0) guesses(one, 'ann', '192.0.2.1', nowMs, tries)
        // An honest user waits as long as he is told, while the attacker takes each moment that he may.
        const answer = one.admit('ann', '192.0.2.1', nowMs)
        if (answer.allowed) one.succeeded(answer.guess)
        else {
          assert.ok(answer.retryAfterSeconds <= CAP_SECONDS)
          const endMs = nowMs + answer.retryAfterSeconds * 1000
          for (let host = 0; nowMs < endMs; host += 1) {
            const wait = waitOf(one.admit('ann', `203.0.113.${host % 250}`, nowMs))
            nowMs = Math.min(endMs, nowMs + wait * 1000 + 1)
          }
          one.admit('ann', '203.0.113.250', endMs)
          assert.ok(comesIn(one, 'ann', '192.0.2.1', endMs), 'after the wait that was told')
        }
      }
    })

  test('whoever is known at an address comes in from there after at most the cap, whatever others do', () => {
    checkProperty('the honest user', 200, reachable(throttle))
    class Forgetful extends GuessThrottle {
      override succeeded(guess: Parameters<GuessThrottle['succeeded']>[0]): void {
        super.succeeded(guess)
        this.forget(guess.username)
      }
    }
    const forgetful = () => new Forgetful({ rules: GUESS_RULES, maxEntries: 1000 })
    assert.ok(refutes(100, reachable(forgetful)), 'one that knows nobody is seen to be wrong')
  })
})
