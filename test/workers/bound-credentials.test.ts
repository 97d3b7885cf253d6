import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleKey } from '@credence/core/testing/jws-samples'
import { aDpopProof } from '@credence/core/testing/presenter'
import type { Connection } from './connection.ts'
import { issue, makeOrders, startNode } from './worker-node.ts'

const KEY = sampleKey('ES256')
const URI = 'https://orders.example/orders/7'
const WORKERS = 2
const RACERS = 100

test('of 100 that present one DPoP proof at once to all workers of a node, exactly one passes', async (t) => {
  const node = await startNode(t, WORKERS)
  const connections = [...(await node.connections(5)).values()]
  assert.equal(connections.length, WORKERS)
  const first = connections[0]![0]!
  await makeOrders(first)
  const { secret, revision } = await issue(first, { binding: { type: 'dpop', jwk: KEY.jwk } })
  const ask = async (connection: Connection, proof: string): Promise<string> => {
    const headers = { authorization: `DPoP ${secret}`, dpop: proof }
    const request = { method: 'GET', uri: URI, headers }
    const body = { api: 'orders', at_least: revision, request }
    const verdict = await connection.request<{ code: string }>('POST', '/v1/verify', body)
    return verdict.body.code
  }
  // As far ahead as a clock may be: what is used up is known of only since the node started, a moment ago.
  const proofOf = (jti: string) =>
    aDpopProof(KEY, secret, Date.now(), { htu: URI, jti, iat: (Date.now() + 9900) / 1000 })
  for (let round = 0; round < 3; round++) {
    const proof = proofOf(`round ${round}`)
    const racers = Array.from({ length: RACERS }, (_, i) => {
      const own = connections[i % WORKERS]!
      return ask(own[Math.floor(i / WORKERS) % own.length]!, proof)
    })
    const outcomes = await Promise.all(racers)
    const winners = outcomes.filter((code) => code === 'VALID')
    assert.equal(winners.length, 1)
    assert.equal(outcomes.filter((code) => code === 'REPLAYED').length, RACERS - 1)
  }
  // What one worker took, the other knows of: the control is that each takes another one.
  for (const [index, own] of connections.entries()) {
    assert.equal(await ask(own[0]!, proofOf(`control ${index}`)), 'VALID')
  }
})
