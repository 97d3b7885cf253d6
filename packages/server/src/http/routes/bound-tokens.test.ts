import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { CredentialRecord } from '@credence/core'
import { keepSigningKeys } from '../../operations/signing-keys.ts'
import { dpopClient } from '../../testing/bound-clients.ts'
import { protectApi } from '../../testing/protected-api.ts'
import { startTestServer } from '../../testing/test-server.ts'

interface TokenBody {
  readonly access_token: string
  readonly token_type: string
  readonly code?: string
}

/** The memory of used proofs begins with the process; these tests begin a while later. */
async function startBound(t: TestContext, credential: Partial<CredentialRecord>) {
  let aheadMs = 0
  const clock = () => Date.now() + aheadMs
  const server = await startTestServer({ clock, config: { publicUrl: 'http://127.0.0.1', leaseMs: 60_000 } })
  t.after(() => server.close())
  const made = await protectApi(server.context, { credential })
  await keepSigningKeys(server.context)
  await server.context.follower.poll()
  aheadMs = 20_000
  return { ...made, server, clock }
}

test('a token of a bound key is had beside a proof alone, and is bound to the same key', async (t) => {
  const client = await dpopClient()
  const { server, key, clock, api } = await startBound(t, { binding: client.binding })
  const ask = async (headers: Record<string, string>, format = 'opaque') => {
    const answer = await fetch(`${server.url}/v1/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ api: api.id, format }),
    })
    return { status: answer.status, body: (await answer.json()) as TokenBody }
  }
  const proofFor = (value: string) => client.proof('POST', 'http://127.0.0.1/v1/tokens', value, clock())
  assert.equal((await ask({ 'x-api-key': key })).body.code, 'BINDING_REQUIRED')
  for (const format of ['opaque', 'jwt']) {
    const proof = await proofFor(key)
    const made = await ask({ 'x-api-key': key, dpop: proof }, format)
    assert.equal(made.status, 200, String(made.body.code))
    assert.equal(made.body.token_type, 'DPoP')
    assert.equal((await ask({ 'x-api-key': key, dpop: proof }, format)).body.code, 'REPLAYED')
    const token = made.body.access_token
    assert.equal((await ask({ authorization: `Bearer ${token}` })).body.code, 'BINDING_REQUIRED')
    const again = await ask({ authorization: `DPoP ${token}`, dpop: await proofFor(token) })
    assert.equal(again.status, 200, String(again.body.code))
    assert.equal(again.body.token_type, 'DPoP')
  }
})
