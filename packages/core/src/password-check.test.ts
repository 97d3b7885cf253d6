import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { GUESS_RULES, GuessThrottle } from './guess-throttle.ts'
import { type PasswordAttempt, PasswordCheck, type PasswordOutcome } from './password-check.ts'
import { type Argon2id, digestPassword, matchingDigest } from './password-digest.ts'
import type { SecretVersion } from './records.ts'
import { quickArgon2id as quick } from './testing/installed-passwords.ts'
import { WorkPool } from './work-pool.ts'

const PASSWORD = 'hurdle vex quib gnaw'
const NOW = Date.UTC(2026, 5, 16, 12)

async function setUp(waiting = 10) {
  const digests = new Map<number, Buffer>()
  const state = { nowMs: NOW, hashes: 0, fails: false, gate: Promise.resolve() }
  const argon2id: Argon2id = async (...given) => {
    state.hashes += 1
    await state.gate
    if (state.fails) throw new Error('out of memory')
    return quick(...given)
  }
  const version = async (number: number, password: string): Promise<SecretVersion> => {
    digests.set(number, await digestPassword(password, digests.get(number - 1) ?? null, randomBytes, quick))
    return {
      version: number,
      sealedDigest: `k1.${number}${password}`,
      createdAtMs: NOW,
      endsAtMs: null,
      revokedAtMs: null,
    }
  }
  const check = new PasswordCheck({
    throttle: new GuessThrottle({ rules: GUESS_RULES, maxEntries: 100 }),
    pool: new WorkPool<PasswordOutcome>({ atOnce: 1, waiting }),
    argon2id,
    clock: () => state.nowMs,
    randomBytes,
    maxProofs: 100,
    proofLifeMs: 60_000,
  })
  const ann = [await version(1, PASSWORD)]
  const present = (change: Partial<PasswordAttempt> = {}) =>
    check.check({
      username: 'ann',
      address: '192.0.2.1',
      password: PASSWORD,
      versions: ann,
      open: ({ version }) => digests.get(version) ?? null,
      ...change,
    })
  return { state, check, present, version, digests, ann }
}

const MATCHED: PasswordOutcome = { type: 'matched', version: 1, needsUpgrade: false }

describe('the check of a password', () => {
  test('hashes once, then answers from memory for a minute after that, however often it is used', async () => {
    const { state, present } = await setUp()
    for (const [passedMs, hashes] of [
      [0, 1],
      [40_000, 1],
      [59_999, 1],
      [60_000, 2],
    ] as const) {
      state.nowMs = NOW + passedMs
      assert.deepEqual(await present(), MATCHED)
      assert.equal(state.hashes, hashes, `after ${passedMs} ms`)
    }
  })

  test('remembers no failure', async () => {
    const { state, present } = await setUp()
    for (const hashes of [1, 2]) {
      assert.deepEqual(await present({ password: 'tundra lobster quill' }), { type: 'wrong' })
      assert.equal(state.hashes, hashes)
    }
  })

  test('remembers a success for its address alone: memory does not tell others what is right', async () => {
    const { state, present } = await setUp()
    await present()
    await present({ address: '198.51.100.1' })
    assert.equal(state.hashes, 2)
    for (let index = 0; index < 5; index += 1)
      await present({ address: '203.0.113.1', password: `wrong ${index}` })
    const guessed = await present({ address: '203.0.113.1' })
    assert.deepEqual(
      guessed,
      { type: 'locked_out', retryAfterSeconds: 1 },
      'although it is right, and remembered',
    )
    assert.deepEqual(await present(), MATCHED, 'and where it succeeded it still does')
  })

  test('asks the throttle before memory: at the same address, too, nobody guesses faster than it allows', async () => {
    const { present } = await setUp()
    await present()
    for (let index = 0; index < 5; index += 1) await present({ password: `wrong ${index}` })
    assert.deepEqual(await present(), { type: 'locked_out', retryAfterSeconds: 1 })
  })

  test('forgets a success with the digests that it rests on, and when it is told to', async () => {
    const { state, present, version, ann, check } = await setUp()
    await present()
    const rotated = [...ann, await version(2, 'tundra lobster quill')]
    assert.deepEqual(await present({ versions: rotated }), MATCHED)
    assert.equal(state.hashes, 2)
    assert.deepEqual(await present({ versions: rotated.slice(1) }), { type: 'wrong' })
    check.clear()
    await present()
    assert.equal(state.hashes, 4)
  })

  test('says which version it was, and whether its digest is of old', async () => {
    const { present, version, digests, ann } = await setUp()
    const versions = [...ann, await version(2, 'tundra lobster quill')]
    const second = await present({ versions, password: 'tundra lobster quill' })
    assert.deepEqual(second, { ...MATCHED, version: 2 })
    const cost = { memoryKib: 64, passes: 1, parallelism: 1 }
    const tag = await quick(Buffer.from('maple drum kettle'), Buffer.alloc(15), cost, 30)
    const old = `$argon2id$v=19$m=64,t=1,p=1$${'A'.repeat(20)}$${Buffer.from(tag).toString('base64')}`
    digests.set(3, Buffer.from(old))
    const third = await present({ versions: [{ ...ann[0]!, version: 3 }], password: 'maple drum kettle' })
    assert.deepEqual(third, { type: 'matched', version: 3, needsUpgrade: true })
    // Where it cannot be renewed, that must not be tried with each request.
    const again = await present({ versions: [{ ...ann[0]!, version: 3 }], password: 'maple drum kettle' })
    assert.deepEqual(again, { type: 'matched', version: 3, needsUpgrade: false })
  })

  test('recalls without a hash, and by these versions only, what it compared a moment ago; and that it has to wait', async () => {
    const { state, check, present, ann, digests } = await setUp()
    const attempt = {
      ...{ username: 'ann', address: '192.0.2.1', password: PASSWORD, versions: ann },
      open: ({ version }: SecretVersion) => digests.get(version) ?? null,
    }
    assert.equal(check.recall(attempt), null)
    await present()
    assert.deepEqual(check.recall(attempt), MATCHED)
    for (const change of [
      { versions: [] },
      { address: '192.0.2.2' },
      { password: 'x' },
      { username: 'bob' },
    ]) {
      assert.equal(check.recall({ ...attempt, ...change }), null, JSON.stringify(change))
    }
    for (let index = 0; index < 5; index += 1) await present({ password: `wrong ${index}` })
    assert.deepEqual(check.recall(attempt), { type: 'locked_out', retryAfterSeconds: 1 })
    assert.equal(state.hashes, 6)
  })

  test('hashes as often for a username that nobody has as for a wrong password, and answers the same', async () => {
    const { state, present, version, ann } = await setUp()
    const versions = [...ann, await version(2, 'tundra lobster quill')]
    const changes = [{ versions: [] }, { versions: ann }, { versions }, { open: () => null }]
    for (const [index, change] of changes.entries()) {
      state.hashes = 0
      const outcome = await present({
        ...change,
        address: `198.51.100.${index}`,
        password: 'maple drum',
      })
      assert.deepEqual(outcome, { type: 'wrong' })
      assert.equal(state.hashes, 1)
    }
  })

  test('hashes once for all who present the same at once, and counts it once', async () => {
    const { state, present } = await setUp()
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => present()))
    assert.ok(outcomes.every(({ type }) => type === 'matched'))
    assert.equal(state.hashes, 1)
  })

  test('lets a hundred different guesses at once be five', async () => {
    const { state, present } = await setUp()
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, index) => present({ password: `guess number ${index}` })),
    )
    assert.equal(outcomes.filter(({ type }) => type === 'wrong').length, 5)
    assert.equal(outcomes.filter(({ type }) => type === 'locked_out').length, 95)
    assert.equal(state.hashes, 5)
  })

  test('says that it is busy instead of keeping more waiting, and does not count what it did not compare', async () => {
    const { state, present } = await setUp(1)
    const { promise, resolve } = Promise.withResolvers<void>()
    state.gate = promise
    const under = [present({ username: 'bob' }), present({ username: 'eve' })]
    for (let index = 0; index < 20; index += 1) {
      assert.deepEqual(await present(), { type: 'busy', retryAfterSeconds: 1 })
    }
    resolve()
    await Promise.all(under)
    assert.deepEqual(await present(), MATCHED)
  })

  test('counts no attempt against anybody when hashing itself fails', async () => {
    const { state, present } = await setUp()
    state.fails = true
    for (let index = 0; index < 20; index += 1) await assert.rejects(present(), /out of memory/)
    state.fails = false
    assert.deepEqual(await present(), MATCHED)
  })

  test('is not fooled by the test’s own hash: it tells passwords and nonces apart', async () => {
    const digest = await digestPassword(PASSWORD, null, randomBytes, quick)
    assert.equal(await matchingDigest([digest], PASSWORD, quick), 0)
    assert.equal(await matchingDigest([digest], `${PASSWORD}.`, quick), null)
    assert.notDeepEqual(await digestPassword(PASSWORD, null, randomBytes, quick), digest)
  })
})
