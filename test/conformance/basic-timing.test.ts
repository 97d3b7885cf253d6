import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { after, before, describe, test } from 'node:test'
import {
  type Argon2id,
  CURRENT_COST,
  type Decision,
  digestPassword,
  GUESS_RULES,
  type GuessRules,
  GuessThrottle,
  nodeArgon2id,
  PasswordCheck,
  type PasswordOutcome,
  sealDigest,
  type Verifier,
  type VerifyRequest,
  verify,
  WorkPool,
} from '@credence/core'
import { rounds, seed } from '@credence/core/testing/rounds'
import { type ProtectedApi, protectApi, putRecords } from '@credence/server/testing/protected-api'
import { openTemporarySqliteStore } from '@credence/server/testing/sqlite-folder'
import type { Surfaces } from '@credence/server/testing/surfaces'
import { startFor } from './ask.ts'
import { type Comparison, compare } from './welch.ts'

/** The bound that dudect and ISO/IEC 17825 use. */
const BOUND = 4.5
const ATTEMPTS = 3
/** Waiting is the throttle's matter, and the same for all: here everybody may guess as fast as hashes go. */
const NO_WAIT = { ...GUESS_RULES.pair, free: Number.MAX_SAFE_INTEGER }
const NO_RULES: GuessRules = { pair: NO_WAIT, username: NO_WAIT, address: NO_WAIT, inARow: NO_WAIT }

describe('whether a username exists, by time', () => {
  let surfaces: Surfaces
  let made: ProtectedApi
  let closeStore: () => Promise<void>
  before(async () => {
    const { store, close } = await openTemporarySqliteStore()
    closeStore = close
    surfaces = await startFor('verify', { store })
    const { context } = surfaces
    made = await protectApi(context, { api: { accepts: ['basic', 'api_key'] } })
    const { workspaceId } = made.credential
    const place = { workspaceId, kind: 'basic', credentialId: 'annannannann', version: 1 } as const
    const digest = await digestPassword('hurdle vex quib gnaw', null, randomBytes, nodeArgon2id)
    const sealedDigest = sealDigest(digest, place, context.sealingKeys, randomBytes)
    const versions = [{ ...made.credential.versions[0]!, sealedDigest }]
    const record = {
      ...made.credential,
      ...({ id: place.credentialId, kind: 'basic', keyPrefix: '', handle: 'ann', versions } as const),
    }
    await putRecords(context, [{ table: 'credential', record }])
    await context.lookup.read('credential', made.credential.id)
  })
  after(async () => {
    await surfaces.close()
    await closeStore()
  })

  function verifierOver(argon2id: Argon2id): Verifier {
    const { verifier, randomBytes, clock } = surfaces.context
    const check = new PasswordCheck({
      throttle: new GuessThrottle({ rules: NO_RULES, maxEntries: 100 }),
      pool: new WorkPool<PasswordOutcome>({ atOnce: 1, waiting: 1 }),
      ...{ argon2id, clock, randomBytes, maxProofs: 10, proofLifeMs: 60_000 },
    })
    return {
      ...verifier,
      passwords: { ...verifier.passwords!, usernames: verifier.passwords!.usernames, check },
    }
  }

  function asked(username: string): VerifyRequest {
    // A new one each time: what comes twice at once would be hashed once.
    const token = Buffer.from(`${username}:wrong ${randomBytes(9).toString('hex')}`).toString('base64')
    return {
      ...{ api: made.api, homeApiId: null, credential: null, query: '', method: 'GET', path: '/' },
      headers: ['Authorization', `Basic ${token}`],
      ...{
        ip: '192.0.2.7',
        secure: true,
        useRoutes: false,
        scopes: null,
        cost: null,
        presenter: null,
        fresh: false,
      },
    }
  }

  type Tried = (request: VerifyRequest, username: string) => Promise<Pick<Decision, 'code'>>

  /** The times, in milliseconds, for a wrong password of a username that exists and of one that does not. */
  async function compared(tried: Tried, count: number, ofSeed: number): Promise<Comparison> {
    const times: Record<'NOT_FOUND' | 'BAD_SECRET', number[]> = { NOT_FOUND: [], BAD_SECRET: [] }
    const random = generatorOf(ofSeed)
    const warmUp = Math.min(20, count)
    for (let n = 0; n < 2 * count + warmUp; n += 1) {
      const code = random() < 0.5 ? 'NOT_FOUND' : 'BAD_SECRET'
      const username = code === 'NOT_FOUND' ? 'eve' : 'ann'
      const request = asked(username)
      const start = performance.now()
      const decision = await tried(request, username)
      const took = performance.now() - start
      assert.equal(decision.code, code)
      if (n >= warmUp) times[code].push(took)
    }
    return compare(times.NOT_FOUND, times.BAD_SECRET)
  }

  /** |t| of runs, until one says so, or there were three. */
  async function runs(
    tried: Tried,
    count: number,
    isEnough: (t: number) => boolean,
  ): Promise<readonly number[]> {
    const found: number[] = []
    while (found.length < ATTEMPTS && !found.some(isEnough)) {
      const ofSeed = seed()
      const { t, difference } = await compared(tried, count, ofSeed)
      const micros = (Math.abs(difference) * 1000).toFixed(0)
      console.log(
        `about ${count} samples each, seed ${ofSeed}: |t| = ${Math.abs(t).toFixed(2)}, ${micros} µs apart`,
      )
      found.push(Math.abs(t))
    }
    return found
  }

  /** As in existence-oracle.test.ts: a difference counts as one only when three runs in a row see it. */
  async function differs(tried: Tried, count: number): Promise<boolean> {
    return (await runs(tried, count, (t) => t < BOUND)).every((t) => t >= BOUND)
  }

  /** Of a control one run is enough: noise hides a difference, and makes none that large. */
  async function isSeen(tried: Tried, count: number): Promise<boolean> {
    return (await runs(tried, count, (t) => t >= BOUND)).some((t) => t >= BOUND)
  }

  test('an unknown username takes as long as a wrong password', async () => {
    const verifier = verifierOver(nodeArgon2id)
    assert.equal(await differs((request) => verify(request, verifier), rounds(150)), false)
  })

  test('negative control: a verify that hashes nothing for unknown usernames is seen', async () => {
    const verifier = verifierOver(nodeArgon2id)
    const early: Tried = async (request, username) =>
      username === 'eve' ? { code: 'NOT_FOUND' } : verify(request, verifier)
    assert.equal(await isSeen(early, 20), true)
  })

  test('negative control: a decoy at half the cost of real ones is seen', async () => {
    let isUnknown = false
    const cheaper: Argon2id = (message, nonce, cost, tagBytes) => {
      const memoryKib = isUnknown ? CURRENT_COST.memoryKib / 2 : cost.memoryKib
      return nodeArgon2id(message, nonce, { ...cost, memoryKib }, tagBytes)
    }
    const verifier = verifierOver(cheaper)
    const tried: Tried = (request, username) => {
      isUnknown = username === 'eve'
      return verify(request, verifier)
    }
    assert.equal(await isSeen(tried, 60), true)
  })
})

/** mulberry32: the order of a run, so that it can be had again. */
function generatorOf(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
