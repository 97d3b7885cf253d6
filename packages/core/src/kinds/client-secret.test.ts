import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { clientIdOf } from '../basic-credentials.ts'
import { MAX_VERSIONS } from '../rotate.ts'
import { aRequest, Installation, keyOf } from '../testing/installation.ts'
import { aCredential, anApi, aPrincipal } from '../testing/records.ts'
import { verify } from '../verify.ts'
import type { VerifyRequest } from '../verify-request.ts'

const api = anApi({ accepts: ['client_secret', 'api_key'] })
const CLIENT_ID = clientIdOf(aPrincipal().id)
const OTHER_CLIENT_ID = clientIdOf('prn_000000000008')
const absent = { id: 'ZZZZZZZZZZZZ', keyPrefix: 'crd_live_cs' }

function asClient(clientId: string, secret: string, change: Partial<VerifyRequest> = {}): VerifyRequest {
  const token = Buffer.from(`${clientId}:${secret}`).toString('base64')
  return aRequest(null, { api, headers: ['Authorization', `Basic ${token}`], ...change })
}

function setUp() {
  const here = new Installation()
  here.put('api', api)
  const { credential, key: secret } = here.issue({ kind: 'client_secret', keyPrefix: 'crd_live_cs' })
  const ask = (clientId: string, presented: string, change?: Partial<VerifyRequest>) =>
    verify(asClient(clientId, presented, change), here.verifier)
  return { here, credential, secret, ask }
}

describe('client id and secret', () => {
  it('of a principal are one client id, beginning with cli_, whatever its ids begin with', () => {
    assert.equal(CLIENT_ID, 'cli_000000000003')
    assert.equal(clientIdOf('0f9'), 'cli_0f9')
  })

  it('let in whoever presents them by HTTP Basic, also form-encoded as RFC 6749 section 2.3.1 has it', async () => {
    const { ask, secret, credential } = setUp()
    const decision = await ask(CLIENT_ID, secret)
    assert.deepEqual([decision.code, decision.credential?.id], ['VALID', credential.id])
    const escaped = secret.replaceAll('_', '%5F')
    assert.equal((await ask(CLIENT_ID.replace('003', '%3003'), escaped)).code, 'VALID')
  })

  it('are remembered as a proof, and never prove anything bare, nor does a bare key prove anything so', async () => {
    const { here, ask, secret } = setUp()
    assert.equal((await ask(CLIENT_ID, secret)).code, 'VALID')
    here.reads.length = 0
    assert.equal((await ask(CLIENT_ID, secret)).code, 'VALID')
    assert.deepEqual(here.reads, [])
    const token = Buffer.from(`${CLIENT_ID}:${secret}`).toString('base64')
    for (const value of [token, secret]) {
      for (const headers of [
        ['Authorization', `Bearer ${value}`],
        ['X-API-Key', value],
      ]) {
        const { code, detail } = await verify(aRequest(null, { api, headers }), here.verifier)
        assert.equal(code, 'MALFORMED')
        assert.equal(detail?.includes('a client secret'), value === secret)
        assert.ok(!detail?.includes(secret))
      }
    }
    const { key } = here.issue({ id: 'BBBBBBBBBBB5' })
    assert.equal((await verify(aRequest(key, { api }), here.verifier)).code, 'VALID')
    assert.equal((await ask(CLIENT_ID, key)).code, 'MALFORMED', 'an API key is no client secret')
    const basicKey = aRequest(null, { api, headers: ['Authorization', `Basic ${key.replaceAll('_', '/')}`] })
    assert.notEqual((await verify(basicKey, here.verifier)).code, 'VALID')
  })

  it('are refused without TLS, also when they are remembered', async () => {
    const { ask, secret } = setUp()
    assert.equal((await ask(CLIENT_ID, secret, { secure: false })).code, 'TLS_REQUIRED')
    await ask(CLIENT_ID, secret)
    assert.equal((await ask(CLIENT_ID, secret, { secure: false })).code, 'TLS_REQUIRED')
  })

  it('are refused where they are not taken: at APIs that do not say so, and at administration', async () => {
    const { here, ask, secret } = setUp()
    here.change('api', anApi())
    assert.equal((await ask(CLIENT_ID, secret, { api: anApi() })).code, 'KIND_NOT_ACCEPTED')
    const atHome = { api: null, homeApiId: () => api.id }
    assert.equal((await ask(CLIENT_ID, secret, atHome)).code, 'KIND_NOT_ACCEPTED')
  })

  it('are refused alike, in what is read and opened, for an unknown id, a wrong secret and a wrong client id', async () => {
    const { here, ask, credential, secret } = setUp()
    await ask(CLIENT_ID, secret)
    let opened = 0
    const { sealingKeys } = here.verifier
    const counting = {
      ...here.verifier,
      sealingKeys: {
        ...sealingKeys,
        key: (id: string) => {
          opened += 1
          return sealingKeys.key(id)
        },
      },
    }
    const traceOf = async (clientId: string, presented: string) => {
      opened = 0
      here.reads.length = 0
      const { code, failedCheck } = await verify(asClient(clientId, presented), counting)
      return [code, failedCheck, here.reads.length, opened]
    }
    assert.deepEqual(await traceOf(CLIENT_ID, keyOf(credential, 9)), [
      'BAD_SECRET',
      'secret',
      2,
      MAX_VERSIONS,
    ])
    assert.deepEqual(await traceOf(OTHER_CLIENT_ID, secret), ['BAD_SECRET', 'secret', 2, MAX_VERSIONS])
    assert.deepEqual(await traceOf(CLIENT_ID, keyOf(absent, 1)), ['NOT_FOUND', 'secret', 2, MAX_VERSIONS])
  })

  it('may be several at once: each version and each credential of the principal works', async () => {
    const { here, ask } = setUp()
    const bare = aCredential({ kind: 'client_secret', keyPrefix: 'crd_live_cs', id: 'HHHHHHHHHHH2' })
    const versions = [1, 2, 3].map((version) => here.version(bare, version))
    const { credential } = here.issue({ ...bare, versions })
    for (const version of [1, 2, 3]) {
      const decision = await ask(CLIENT_ID, keyOf(credential, version))
      assert.deepEqual([decision.code, decision.version], ['VALID', version])
    }
  })

  it('do not pass with the secret of an API key, nor with a digest that was sealed for one', async () => {
    const { here, ask } = setUp()
    const sealedAsKey = here.version(aCredential({ id: 'JJJJJJJJJJJ3' }), 1)
    const place = { id: 'JJJJJJJJJJJ3', kind: 'client_secret', keyPrefix: 'crd_live_cs' } as const
    const credential = here.put('credential', aCredential({ ...place, versions: [sealedAsKey] }))
    assert.equal((await ask(CLIENT_ID, keyOf(credential, 1))).code, 'BAD_SECRET')
    here.change('credential', { ...credential, versions: [here.version(credential, 1)], revision: 2 })
    assert.equal((await ask(CLIENT_ID, keyOf(credential, 1))).code, 'VALID', 'negative control')
  })

  it('that cannot be read are MALFORMED, and nothing of them is quoted', async () => {
    const { ask } = setUp()
    for (const [clientId, secret] of [
      ['cli_', 'x'],
      ['cli_a b', 'x'],
      ['cli_ab', 'hunter2'],
      ['cli_ab', '%zz'],
    ] as const) {
      const { code, detail } = await ask(clientId, secret)
      assert.equal(code, 'MALFORMED', clientId)
      assert.ok(!detail?.includes('hunter2'))
    }
  })
})
