import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { after, before, describe, test } from 'node:test'
import {
  type Decision,
  formatKey,
  generateId,
  generateSecret,
  parseKey,
  sealDigest,
  type VerifyRequest,
  verify,
} from '@credence/core'
import { rounds } from '@credence/core/testing/rounds'
import { type ProtectedApi, protectApi, putRecords } from '@credence/server/testing/protected-api'
import { openTemporarySqliteStore } from '@credence/server/testing/sqlite-folder'
import type { Surfaces } from '@credence/server/testing/surfaces'
import { ask, SURFACES, startFor } from './ask.ts'
import { type Comparison, compare } from './welch.ts'

/**
 * What callers see is paced: it leaves a fixed time after it came. Behind the pace the two point reads come in the
 * other order for an unknown id, which is worth a microsecond or two of 120. What is worth more fails: a server that
 * is behind with its work keeps no pace, and a read or a comparison that is left out is worth 20 and more.
 */
const UNPACED_MICROS = 10
/** How many ask at once: together they keep the server busy for less than the pace. */
const LANES = 16
/** Below it nothing is claimed to be seen; the bound that dudect and ISO/IEC 17825 use. */
const BOUND = 4.5
const ATTEMPTS = 3

function guessAt(id: string): string {
  return formatKey('crd_live', id, generateSecret(randomBytes))
}

describe('whether an id exists, over HTTP', () => {
  for (const surface of SURFACES) {
    test(`${surface}: counters, usage and limits are the same for an unknown id and for a wrong secret`, async () => {
      const surfaces = await startFor(surface)
      const limits = [{ type: 'rate', name: 'default', limit: 5, windowSeconds: 3600 }] as const
      const { context } = surfaces
      const { credential, key } = await protectApi(context, {
        api: { upstream: surfaces.upstream },
        credential: { limits },
      })
      const grown = async (id: string) => {
        const before = await countersOf(surfaces)
        await ask(surfaces, surface, { headers: { authorization: `Bearer ${guessAt(id)}` } })
        const counters = await countersOf(surfaces)
        return [...counters]
          .map(([name, value]) => [name, value - (before.get(name) ?? 0)])
          .filter(([, by]) => by !== 0)
      }
      // The first request fills caches whose sizes show.
      await grown('yyyyyyyyyyyy')
      const unknown = await grown('zzzzzzzzzzzz')
      assert.ok(unknown.length > 0)
      assert.deepEqual(await grown(credential.id), unknown)
      assert.deepEqual(context.usage.peek(credential.id), [])
      await context.usage.flush()
      const path = `${surfaces.api}/v1/credentials/${credential.id}`
      const shown = await fetch(path, { headers: { authorization: `Bearer ${surfaces.adminKey}` } })
      const { usage } = (await shown.json()) as { usage: { by_code: object; last_used_at: string | null } }
      assert.deepEqual([usage.by_code, usage.last_used_at], [{}, null])
      if (surface === 'verify') {
        const answer = await ask(surfaces, surface, { headers: { authorization: `Bearer ${key}` } })
        assert.equal(JSON.parse(answer.text).limits[0].remaining, 4)
      }
      await surfaces.close()
    })
  }
})

/** Series of the metrics by name and labels, but for those that time alone moves. */
async function countersOf({ api }: Surfaces): Promise<Map<string, number>> {
  const text = await (await fetch(`${api}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith('credence_') && !/lag|duration/.test(line))
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  )
}

describe('whether an id exists, by time', () => {
  let surfaces: Surfaces
  let own: ProtectedApi
  let target: ProtectedApi
  let closeStore: () => Promise<void>
  before(async () => {
    const { store, close } = await openTemporarySqliteStore()
    closeStore = close
    surfaces = await startFor('verify', { store })
    own = await protectApi(surfaces.context, { api: { name: 'own', basePath: '/own' } })
    target = await protectApi(surfaces.context)
    // Seen once, so that it can stand in for ids that nobody has.
    await surfaces.context.lookup.read('credential', target.credential.id)
  })
  after(async () => {
    await surfaces.close()
    await closeStore()
  })

  type Verify = (request: VerifyRequest) => Promise<Pick<Decision, 'code'>>

  /** Two sorts of guesses, and the code of the refusal that each must get. */
  type Guesses = readonly [Guess, Guess]
  interface Guess {
    readonly code: 'NOT_FOUND' | 'BAD_SECRET'
    readonly key: () => string
  }

  interface Trial {
    readonly tried: Verify
    readonly lanes: number
    /** What a caller does beside its guesses. */
    readonly between: () => Promise<unknown>
    readonly guesses: Guesses
  }

  const asked = (value: string): VerifyRequest => ({
    ...{ api: target.api, homeApiId: null, credential: { scheme: 'key', value }, headers: [], query: '' },
    ...{
      method: 'GET',
      path: '/',
      ip: '192.0.2.7',
      secure: true,
      useRoutes: false,
      scopes: null,
      cost: null,
    },
    fresh: false,
    presenter: null,
  })
  const real: Verify = (request) => verify(request, surfaces.context.verifier)
  const unpaced: Verify = (request) => verify(request, { ...surfaces.context.verifier, pace: async () => {} })

  /** The times, in milliseconds, for guesses of one sort and of the other, asked in random order. */
  async function compared({ tried, lanes, between, guesses }: Trial, count: number): Promise<Comparison> {
    const times: readonly [number[], number[]] = [[], []]
    const warmUp = Math.min(2000, count)
    let n = 0
    const ask = async () => {
      const isWarm = n++ >= warmUp
      // What a caller can do beside: present a key of its own, so that the store was last asked for that.
      await between()
      const sort = (randomBytes(1)[0]! & 1) as 0 | 1
      // Both are made: what runs just before the clock starts leaves its traces in the processor's caches.
      const request = [asked(guesses[0].key()), asked(guesses[1].key())][sort]!
      const start = performance.now()
      const decision = await tried(request)
      const took = performance.now() - start
      assert.equal(decision.code, guesses[sort].code)
      if (isWarm) times[sort].push(took)
    }
    const lane = async () => {
      while (n < 2 * count + warmUp) await ask()
    }
    await Promise.all(Array.from({ length: lanes }, lane))
    return compare(times[0], times[1])
  }

  /**
   * A statistical test errs now and then, and a busy machine errs more often: a difference counts as seen only
   * when three runs in a row see it, which a real one does every time.
   */
  async function isSeen(trial: Trial, knownMicros = 0, samples = 20_000): Promise<boolean> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const count = rounds(samples)
      const comparison = await compared(trial, count)
      const { t, difference } = comparison
      const micros = (Math.abs(difference) * 1000).toFixed(1)
      console.log(`about ${count} samples each, |t| = ${Math.abs(t).toFixed(2)}, ${micros} µs apart`)
      if (Math.abs(t) < BOUND || Math.abs(difference) * 1000 < knownMicros) return false
    }
    return true
  }
  const anyId = () => generateId(randomBytes)
  /** One that is answered by the target's row: each unknown id takes the time of one that exists. */
  const idLikeTarget = () => {
    const { lookup } = surfaces.context
    let id = anyId()
    while (lookup.decoyFor(id) !== target.credential.id) id = anyId()
    return id
  }

  /** An id that nobody has, beside the one that exists, each with a wrong secret. */
  const ids = (unknownId: () => string): Guesses => [
    { code: 'NOT_FOUND', key: () => guessAt(unknownId()) },
    { code: 'BAD_SECRET', key: () => guessAt(target.credential.id) },
  ]
  /** Wrong secrets of one that exists: one begins as the right one does, the other does not. */
  const secrets = (): Guesses => {
    const parsed = parseKey(target.key)
    assert.ok(typeof parsed === 'object')
    const begun = parsed.secret.slice(0, 24)
    const near = () => formatKey(parsed.prefix, parsed.id, begun + generateSecret(randomBytes).slice(24))
    return [
      { code: 'BAD_SECRET', key: near },
      { code: 'BAD_SECRET', key: () => guessAt(parsed.id) },
    ]
  }

  test('an unknown id takes as long as a wrong secret', async () => {
    const trial = { tried: real, lanes: LANES, between: async () => {}, guesses: ids(anyId) }
    assert.equal(await isSeen(trial), false)
  })

  test('behind the pace, an unknown id takes as long as a wrong secret of what stands in for it', async () => {
    const trial = { tried: unpaced, lanes: 1, between: async () => {}, guesses: ids(idLikeTarget) }
    assert.equal(await isSeen(trial, UNPACED_MICROS), false)
  })

  test('behind the pace, an unknown id takes as long also where that one has more versions than others', async () => {
    const { context } = surfaces
    const { id: credentialId, workspaceId, kind, versions: first } = target.credential
    const more = [2, 3].map((version) => {
      const about = { workspaceId, kind, credentialId, version }
      const sealedDigest = sealDigest(randomBytes(32), about, context.sealingKeys, randomBytes)
      return { ...first[0]!, version, sealedDigest }
    })
    const record = { ...target.credential, revision: 2, versions: [...first, ...more] }
    await putRecords(context, [{ table: 'credential', record }])
    const ownKey = parseKey(own.key)
    assert.ok(typeof ownKey === 'object')
    const readOwn = () => surfaces.context.lookup.read('credential', ownKey.id)
    const trial = { tried: unpaced, lanes: 1, between: readOwn, guesses: ids(idLikeTarget) }
    assert.equal(await isSeen(trial, UNPACED_MICROS), false)
  })

  test('a secret that begins as the right one takes as long as any other wrong one', async () => {
    const trial = { tried: real, lanes: LANES, between: async () => {}, guesses: secrets() }
    assert.equal(await isSeen(trial), false)
  })

  test('a verify that compares character by character is seen, at a microsecond each', async () => {
    const right = parseKey(target.key)
    assert.ok(typeof right === 'object')
    const oneByOne: Verify = async (request) => {
      const decision = await unpaced(request)
      const parsed = parseKey(request.credential!.value)
      assert.ok(typeof parsed === 'object')
      for (let at = 0; parsed.secret[at] === right.secret[at]; at++) {
        const untilMs = performance.now() + 0.001
        while (performance.now() < untilMs);
      }
      return decision
    }
    const trial = { tried: oneByOne, lanes: 1, between: async () => {}, guesses: secrets() }
    assert.equal(await isSeen(trial, UNPACED_MICROS, 2000), true)
  })

  test('a verify that returns early for unknown ids is seen', async () => {
    const early: Verify = async (request) => {
      const parsed = parseKey(request.credential!.value)
      assert.ok(typeof parsed === 'object')
      const found = await surfaces.context.lookup.read('credential', parsed.id)
      return found === undefined ? { code: 'NOT_FOUND' } : real(request)
    }
    const trial = { tried: early, lanes: LANES, between: async () => {}, guesses: ids(anyId) }
    assert.equal(await isSeen(trial, 0, 2000), true)
  })
})
