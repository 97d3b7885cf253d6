import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Connection } from './connection.ts'
import { issue, makeOrders, startNode, verdictOf } from './worker-node.ts'

interface TokenBody {
  readonly access_token: string
  readonly id: string
}

test('a token that one worker issued every worker takes, and none does once its credential or its key is revoked', async (t) => {
  const env = { CREDENCE_PUBLIC_URL: 'https://credence.example' }
  const node = await startNode(t, 3, { env })
  const workers = [...(await node.connections(1)).values()].map(([connection]) => connection!)
  await makeOrders(workers[0]!)
  const { id, secret, revision } = await issue(workers[0]!)
  const codes = (token: string) =>
    Promise.all(workers.map(async (worker) => (await verdictOf(worker, token)).code))
  // Every worker knows of the API by then.
  for (const worker of workers) await verdictOf(worker, secret, { at_least: revision })

  const holder = new Connection(node.server.api, secret)
  t.after(() => holder.close())
  const tokenOf = async (format: string): Promise<TokenBody> => {
    const asked = { api: 'orders', format }
    const { status, text, body } = await holder.request<TokenBody>('POST', '/v1/tokens', asked)
    assert.equal(status, 200, text)
    return body
  }
  const [opaque, jwt, single] = [await tokenOf('opaque'), await tokenOf('jwt'), await tokenOf('opaque')]
  for (const token of [opaque, jwt, single]) {
    assert.deepEqual(await codes(token.access_token), ['VALID', 'VALID', 'VALID'])
  }

  const revoked = await workers[1]!.request('POST', `/v1/credentials/${single.id}/revoke`, {})
  assert.equal(revoked.status, 200, revoked.text)
  assert.deepEqual(await codes(single.access_token), ['REVOKED', 'REVOKED', 'REVOKED'])

  const rotated = await workers[2]!.request('POST', '/v1/signing-keys/rotate', { now: true })
  assert.equal(rotated.status, 200, rotated.text)
  assert.deepEqual(await codes(jwt.access_token), ['BAD_SIGNATURE', 'BAD_SIGNATURE', 'BAD_SIGNATURE'])
  assert.deepEqual(await codes(opaque.access_token), ['VALID', 'VALID', 'VALID'])
  const next = await tokenOf('jwt')
  assert.deepEqual(await codes(next.access_token), ['VALID', 'VALID', 'VALID'])

  const ended = await workers[0]!.request('POST', `/v1/credentials/${id}/revoke`, {})
  assert.equal(ended.status, 200, ended.text)
  for (const token of [opaque, next]) {
    assert.deepEqual(await codes(token.access_token), ['REVOKED', 'REVOKED', 'REVOKED'])
  }
})
