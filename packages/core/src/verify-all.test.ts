import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Decision } from './decision.ts'
import { Installation, requestAtDoor } from './testing/installation.ts'
import { aPrincipal } from './testing/records.ts'
import { checkAsyncProperty, refutesAsync } from './testing/rounds.ts'
import { verify, verifyAll, verifyNow } from './verify.ts'
import type { VerifyRequest } from './verify-request.ts'

type VerifyAll = typeof verifyAll

/** Two callers with a limit each that runs out, one whose credential has ended, one of a limited principal; and nobody. */
function installed() {
  const here = new Installation()
  const limits = [{ type: 'rate', name: 'r', limit: 3, windowSeconds: 60 } as const]
  here.put('principal', aPrincipal({ id: 'prn_0000000000LM', limits }))
  const keys = [
    here.issue({ id: 'AAAAAAAAAAAA', limits }).key,
    here.issue({ id: 'BBBBBBBBBBBB', limits: [...limits, { ...limits[0]!, name: 's', limit: 2 }] }).key,
    here.issue({ id: 'CCCCCCCCCCCC', expiresAtMs: 1 }).key,
    here.issue({ id: 'DDDDDDDDDDDD', principalId: 'prn_0000000000LM' }).key,
    here.issue({ id: 'EEEEEEEEEEEE', state: 'revoked' }).key,
    'crd_test_nobodysKeyAtAll',
  ]
  return { here, keys }
}

const changes: readonly ((request: VerifyRequest) => VerifyRequest)[] = [
  (request) => request,
  (request) => ({ ...request, scopes: 'orders:read' }),
  (request) => ({ ...request, scopes: 'orders:refund' }),
  (request) => ({ ...request, fresh: true }),
  (request) => ({ ...request, api: null }),
  (request) => ({ ...request, headers: [], credential: null }),
  (request) => ({ ...request, useRoutes: true, method: null }),
]
const anyAsked = fc.array(fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: changes.length - 1 })), {
  maxLength: 12,
})

/** Which counter a decision rests on is the same; where the caller was kept is not looked at. */
const compared = ({ seat: _, ...decision }: Decision) => decision

/** In rounds, since the callers of the first one are not prepared yet. */
const decidesAsAlone = (all: VerifyAll) =>
  fc.asyncProperty(fc.array(anyAsked, { minLength: 1, maxLength: 4 }), async (roundsOfAsked) => {
    const [together, alone] = [installed(), installed()]
    for (const asked of roundsOfAsked) {
      const requestsOf = ({ here, keys }: ReturnType<typeof installed>) =>
        Promise.all(
          asked.map(async ([key, change]) =>
            changes[change]!(await requestAtDoor(keys[key]!, here.verifier, {})),
          ),
        )
      const deciding = all(await requestsOf(together), together.here.verifier)
      const expected: Decision[] = []
      for (const one of (await requestsOf(alone)).map((request) => verifyNow(request, alone.here.verifier)))
        expected.push(await one)
      assert.deepEqual((await Promise.all(deciding)).map(compared), expected.map(compared))
    }
  })

describe('verifyAll', () => {
  it('decides about each request as about one that comes alone, in their order', async () => {
    await checkAsyncProperty('verifyAll', 150, decidesAsAlone(verifyAll))
  })

  it('negative control: one that mixes up two callers, or counts a limit once for all, is found out', async () => {
    const mixesUp: VerifyAll = (requests, verifier) => verifyAll(requests.toReversed(), verifier).toReversed()
    const countsOnce: VerifyAll = (requests, verifier) => {
      const known = new Map<string, Decision | Promise<Decision>>()
      return requests.map((request) => {
        const text = JSON.stringify([request.headers, request.credential, request.scopes, request.api?.id])
        const decision = known.get(text) ?? verifyNow(request, verifier)
        known.set(text, decision)
        return decision
      })
    }
    assert.ok(await refutesAsync(300, decidesAsAlone(mixesUp)))
    assert.ok(await refutesAsync(300, decidesAsAlone(countsOnce)))
  })

  it('answers at once for those that are prepared, while others of the same call wait', async () => {
    const { here, keys } = installed()
    for (let i = 0; i < 2; i++) await verify(await requestAtDoor(keys[0]!, here.verifier), here.verifier)
    const requests = [
      await requestAtDoor(keys[1]!, here.verifier),
      await requestAtDoor(keys[0]!, here.verifier),
    ]
    const [found, recalled] = verifyAll(requests, here.verifier)
    assert.ok(found instanceof Promise)
    assert.ok(recalled !== undefined && !(recalled instanceof Promise))
    assert.equal(recalled.code, 'VALID')
    assert.equal((await found).code, 'VALID')
  })

  it('lets a fault of one request be no other one’s', async () => {
    const { here, keys } = installed()
    const good = await requestAtDoor(keys[0]!, here.verifier)
    const unreadable = {
      ...good,
      get headers(): never {
        throw new Error('a fault')
      },
      credential: null,
    }
    const settled = await Promise.allSettled(verifyAll([good, unreadable, good], here.verifier))
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
  })
})
