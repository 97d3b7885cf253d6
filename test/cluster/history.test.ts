import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { delaysOf, type Verified, violations } from './history.ts'

const at = (startMs: number, code: string, node = 'a'): Verified => ({
  ...{ node, credentialId: 'c', startMs, endMs: startMs + 5, code },
})
const revoked = [{ credentialId: 'c', startMs: 100, acknowledgedMs: 110 }]
const rulesOf = (verified: readonly Verified[]) =>
  violations({ verified, revoked }, 1000).map(({ rule }) => rule)

describe('the checker of histories', () => {
  test('finds nothing wrong with a cluster that follows within the bound', () => {
    assert.deepEqual(
      rulesOf([at(50, 'VALID'), at(120, 'REVOKED'), at(130, 'VALID', 'b'), at(1105, 'VALID', 'b')]),
      [],
    )
    assert.deepEqual(rulesOf([at(1200, 'REVOKED', 'b'), at(1300, 'UNAVAILABLE'), at(1400, 'REVOKED')]), [])
  })

  test('finds a request that starts past the bound and is accepted', () => {
    assert.deepEqual(rulesOf([at(1110, 'VALID')]), [])
    assert.deepEqual(rulesOf([at(1111, 'VALID')]), ['accepted past the bound'])
  })

  test('finds a node that accepts what it has refused, at whatever time', () => {
    assert.deepEqual(
      rulesOf([at(120, 'REVOKED'), at(125, 'VALID')]),
      [],
      'it started before the refusal ended',
    )
    assert.deepEqual(rulesOf([at(120, 'REVOKED'), at(126, 'VALID')]), ['accepted after it was refused'])
  })

  test('finds another node that still accepts the bound after the first refusal', () => {
    const early = [{ credentialId: 'c', startMs: 100, acknowledgedMs: null }]
    const verified = [at(120, 'REVOKED'), at(1126, 'VALID', 'b')]
    const found = violations({ verified, revoked: early }, 1000)
    assert.deepEqual(
      found.map(({ rule, byMs }) => [rule, byMs]),
      [['accepted after it was refused', 1]],
    )
  })

  test('finds a refusal that nobody asked for', () => {
    assert.deepEqual(rulesOf([at(90, 'REVOKED')]), ['refused before it was revoked'])
    assert.deepEqual(
      violations({ verified: [at(90, 'REVOKED')], revoked: [] }, 1000).map(({ rule }) => rule),
      ['refused before it was revoked'],
    )
  })

  test('tells how long after its acknowledgement a revoke was in force', () => {
    assert.deepEqual(
      delaysOf({ verified: [at(50, 'VALID'), at(140, 'VALID', 'b'), at(150, 'REVOKED')], revoked }),
      [30],
    )
    assert.deepEqual(delaysOf({ verified: [at(50, 'VALID')], revoked }), [0])
  })
})
