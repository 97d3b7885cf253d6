import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { appliedLimits } from './applied-limits.ts'
import type { RateLimit } from './records.ts'
import { aCredential, anApi, aPrincipal } from './testing/records.ts'

const limit: RateLimit = { type: 'rate', name: 'default', limit: 10, windowSeconds: 60 }
const limits = [limit]

describe('the limits that apply', () => {
  it("are the credential's, the principal's and the API's, each with a counter of its own", () => {
    const applied = appliedLimits(aCredential({ limits }), aPrincipal({ limits }), anApi({ limits }))
    assert.deepEqual(
      applied.map(({ owner }) => owner),
      ['credential', 'principal', 'api'],
    )
    assert.equal(new Set(applied.map(({ key }) => key)).size, 3)
  })

  it('of a principal are shared by its credentials, of an API by all; of a credential by nobody', () => {
    const keysOf = (id: string, principalId: string) =>
      appliedLimits(
        aCredential({ id, limits }),
        aPrincipal({ id: principalId, limits }),
        anApi({ limits }),
      ).map(({ key }) => key)
    const [one, sibling, stranger] = [keysOf('c1', 'p1'), keysOf('c2', 'p1'), keysOf('c3', 'p2')]
    assert.deepEqual(
      one.map((key, index) => key === sibling[index]),
      [false, true, true],
    )
    assert.deepEqual(
      one.map((key, index) => key === stranger[index]),
      [false, false, true],
    )
  })

  it('keep their counters over a write of the record; another type of the same name counts anew', () => {
    const keyAt = (revision: number, one: Parameters<typeof aCredential>[0]) =>
      appliedLimits(aCredential({ revision, ...one }), aPrincipal(), anApi())[0]?.key
    assert.equal(keyAt(1, { limits }), keyAt(2, { limits: [{ ...limit, limit: 99 }] }))
    const quota = { type: 'quota', name: 'default', limit: 10, period: 'day' } as const
    assert.notEqual(keyAt(1, { limits }), keyAt(2, { limits: [quota] }))
  })

  it('are those of the record as it is now, not as it was when first seen', () => {
    const before = aCredential({ limits })
    assert.equal(appliedLimits(before, aPrincipal(), anApi()).length, 1)
    assert.equal(appliedLimits({ ...before, limits: [] }, aPrincipal(), anApi()).length, 0)
  })

  it('are all exact where the API asks for that, and only there', () => {
    const [credential, principal] = [aCredential({ limits }), aPrincipal({ limits })]
    const exactAt = (exactLimits: boolean) =>
      appliedLimits(credential, principal, anApi({ limits, exactLimits })).map(({ exact }) => exact)
    assert.deepEqual(exactAt(false), [false, false, false])
    assert.deepEqual(exactAt(true), [true, true, true])
    assert.deepEqual(exactAt(false), [false, false, false])
  })
})
