import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { JwsKeys } from '../jws-keys.ts'
import { signJwt } from '../jws-sign.ts'
import { NO_OWN_TOKENS, OwnTokens } from '../own-tokens.ts'
import type { CredentialRecord, Limit, SigningKeyRecord } from '../records.ts'
import { openSigningKey, publicJwkOf, sealSigningKey } from '../signing-key.ts'
import { aRequest, Installation, keyOf, requestAtDoor } from '../testing/installation.ts'
import { anApi } from '../testing/records.ts'
import { verify } from '../verify.ts'
import type { Verifier } from '../verify-request.ts'

const TOKEN_ID = 'TTTTTTTTTTT7'

/** A credential, and a token that came from it. */
class WithToken extends Installation {
  readonly parent: CredentialRecord
  readonly token: string

  constructor(parent: Partial<CredentialRecord> = {}, token: Partial<CredentialRecord> = {}) {
    super()
    this.put('api', anApi({ accepts: ['api_key', 'access_token'] }))
    this.parent = this.issue(parent).credential
    const { credential } = this.issue({
      ...{ id: TOKEN_ID, kind: 'access_token', keyPrefix: 'crd_live_at' },
      ...{ parentId: this.parent.id, parentVersion: 1, expiresAtMs: this.nowMs + 900_000 },
      grants: [{ apiId: anApi().id, scopes: ['orders:read', 'orders:write'], roleIds: [] }],
      ...token,
    })
    this.token = keyOf(credential, 1)
  }

  async ask(scopes: string | null = null) {
    return verify(await requestAtDoor(this.token, this.verifier, { scopes }), this.verifier)
  }

  async codeOf(): Promise<string> {
    return (await this.ask()).code
  }
}

const ISSUER = 'https://credence.example'

/** The same, of which JWTs are signed too. */
class WithSignedToken extends WithToken {
  readonly key: SigningKeyRecord
  readonly jwt: string
  readonly signing: Verifier

  constructor() {
    super(
      {},
      { versions: [{ version: 1, sealedDigest: '', createdAtMs: 0, endsAtMs: null, revokedAtMs: null }] },
    )
    const { workspaceId } = this.parent
    const jwk = { ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) }
    const id = publicJwkOf(jwk, 'EdDSA')!.kid as string
    const sealed = sealSigningKey(
      { id, workspaceId },
      { jwk, algorithm: 'EdDSA' },
      this.sealingKeys,
      randomBytes,
    )
    this.key = this.put('signing_key', {
      ...{
        id,
        workspaceId,
        revision: 1,
        createdAtMs: 0,
        updatedAtMs: 0,
        algorithm: 'EdDSA',
        sealedKey: sealed,
      },
      ...{ state: 'current', stateChangedAtMs: 0, trustedUntilMs: null },
    })
    this.signing = { ...this.verifier, ownTokens: new OwnTokens(ISSUER, workspaceId) }
    this.jwt = this.signed({})
  }

  signed(claims: object): string {
    const seconds = this.nowMs / 1000
    return signJwt(openSigningKey(this.key, this.sealingKeys)!, 'at+jwt', {
      ...{ iss: ISSUER, aud: anApi().audience, sub: 'p', client_id: 'p', jti: TOKEN_ID },
      ...{ iat: seconds, exp: seconds + 900, ...claims },
    })
  }

  async codeOfJwt(): Promise<string> {
    return (await verify(await requestAtDoor(this.jwt, this.signing), this.signing)).code
  }
}

describe('an access token that we signed', () => {
  it('is verified once, then without any look-up, and not at all once its key changed', async () => {
    const here = new WithSignedToken()
    assert.equal(await here.codeOfJwt(), 'VALID')
    assert.equal(await here.codeOfJwt(), 'VALID')
    here.reads.length = 0
    for (let i = 0; i < 10; i++) assert.equal(await here.codeOfJwt(), 'VALID')
    assert.deepEqual(here.reads, [])
    here.change('signing_key', { ...here.key, state: 'revoked', sealedKey: '', revision: 2 })
    assert.equal(await here.codeOfJwt(), 'BAD_SIGNATURE')
  })

  it('is refused when its key was put into the row by somebody who can write the database alone', async () => {
    const here = new WithSignedToken()
    const jwk = { ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) }
    const id = publicJwkOf(jwk, 'EdDSA')!.kid as string
    const theirs = { currentId: 'k1', key: () => randomBytes(32) }
    const owner = { id, workspaceId: here.key.workspaceId }
    const sealedKey = sealSigningKey(owner, { jwk, algorithm: 'EdDSA' }, theirs, randomBytes)
    here.put('signing_key', { ...here.key, id, sealedKey })
    const { publicJwk } = openSigningKey(here.key, here.sealingKeys)!
    const privateKey = createPrivateKey({ key: { ...jwk }, format: 'jwk' })
    const alien = {
      kid: id,
      algorithm: 'EdDSA',
      publicJwk,
      verification: new JwsKeys([]),
      privateKey,
    } as const
    const claims = decoded(here.jwt)
    const forged = signJwt(alien, 'at+jwt', claims)
    assert.equal(
      (await verify(await requestAtDoor(forged, here.signing), here.signing)).code,
      'BAD_SIGNATURE',
    )
  })

  it('is not known without the store, and goes on by what is known where the API has chosen so', async () => {
    const here = new WithSignedToken()
    here.put('api', anApi({ accepts: ['access_token'], outageGraceSeconds: 60 }))
    assert.equal(await here.codeOfJwt(), 'VALID')
    here.isReachable = false
    here.overdueMs = 1000
    const api = here.verifier.lookup.peekOverdue('api', anApi().id, 60_000)!
    const ask = (value: string) => verify(aRequest(value, { api }), here.signing)
    assert.equal((await ask(here.jwt)).code, 'VALID')
    assert.equal((await ask(here.signed({ nonce: 1 }))).code, 'UNAVAILABLE')
  })

  it('is looked for among our keys by exactly the form of a kid, so that nothing else reaches the store', async () => {
    const here = new WithSignedToken()
    await here.codeOfJwt()
    for (const kid of ['x', '../k', "' OR 1=1", 'x'.repeat(42), 'x'.repeat(44)]) {
      here.reads.length = 0
      const key = { ...openSigningKey(here.key, here.sealingKeys)!, kid }
      const token = signJwt(key, 'at+jwt', decoded(here.jwt))
      assert.equal(
        (await verify(await requestAtDoor(token, here.signing), here.signing)).code,
        'BAD_SIGNATURE',
      )
      assert.deepEqual(here.reads, [])
    }
  })
})

function decoded(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>
}

describe('which tokens are ours', () => {
  const own = new OwnTokens(ISSUER, 'ws_000000000001')

  it('is told by one spelling of each issuer, and two workspaces never have the same', () => {
    assert.equal(own.issuerOf('ws_000000000001'), ISSUER)
    assert.equal(own.issuerOf('ws_000000000002'), `${ISSUER}/workspaces/ws_000000000002`)
    for (const id of ['ws_000000000001', 'ws_000000000002'])
      assert.equal(own.workspaceOf(own.issuerOf(id)!), id)
    for (const other of ['', `${ISSUER}/`, `${ISSUER}/workspaces/`, `${ISSUER}/workspaces/ws_000000000001`]) {
      assert.equal(own.workspaceOf(other), null, other)
    }
    assert.equal(NO_OWN_TOKENS.issuerOf('ws_000000000002'), null)
  })

  it('is told by iss alone, of whatever is presented, without believing any of it', () => {
    const token = (claims: object | string) => {
      const text = typeof claims === 'string' ? claims : JSON.stringify(claims)
      return `e30.${Buffer.from(text).toString('base64url')}.AAAA`
    }
    assert.equal(own.issuerIn(token({ iss: ISSUER })), ISSUER)
    assert.equal(own.issuerIn(token({ iss: 'urn:else', aud: ISSUER })), null)
    assert.equal(own.issuerIn(token({ iss: `${ISSUER}.evil.example` })), null)
    assert.equal(own.issuerIn(token(`{"iss":"urn:else","iss":"${ISSUER}"}`)), null, 'said twice')
    for (const broken of [
      '',
      '.',
      '..',
      'a.b.c',
      token('nonsense'),
      token(`["${ISSUER}"]`),
      token({ iss: 1 }),
    ]) {
      assert.equal(own.issuerIn(broken), null)
    }
    assert.equal(NO_OWN_TOKENS.issuerIn(token({ iss: ISSUER })), null)
  })
})

describe('an access token', () => {
  it('that was seen before is verified without any look-up, and with all of them once a record changed', async () => {
    const here = new WithToken()
    assert.equal(await here.codeOf(), 'VALID')
    assert.equal(await here.codeOf(), 'VALID')
    here.reads.length = 0
    for (let i = 0; i < 10; i++) assert.equal(await here.codeOf(), 'VALID')
    assert.deepEqual(here.reads, [])
    here.change('credential', { ...here.parent, revision: 2 })
    assert.equal(await here.codeOf(), 'VALID')
    assert.deepEqual(here.reads, [`credential/${here.parent.id}`])
  })

  it('may do what it was issued for and what the credential it came from may do now, whichever is less', async () => {
    const here = new WithToken()
    assert.deepEqual((await here.ask()).scopes, ['orders:read'])
    assert.equal((await here.ask('orders:write')).code, 'INSUFFICIENT_SCOPE')
    const grants = [{ apiId: anApi().id, scopes: ['*'], roleIds: [] }]
    here.change('credential', { ...here.parent, grants })
    assert.deepEqual((await here.ask()).scopes, ['orders:read', 'orders:write'])
    here.change('credential', { ...here.parent, grants: [] })
    assert.equal(await here.codeOf(), 'WRONG_AUDIENCE')
  })

  it('dies at once with the credential it came from, however that ends', async () => {
    const ends: [Partial<CredentialRecord>, string][] = [
      [{ state: 'revoked' }, 'REVOKED'],
      [{ state: 'disabled' }, 'DISABLED'],
      [{ state: 'quarantined' }, 'QUARANTINED'],
      [{ expiresAtMs: 1 }, 'EXPIRED'],
      [{ principalId: 'prn_000000000009' }, 'REVOKED'],
      [{ workspaceId: 'ws_000000000009' }, 'REVOKED'],
    ]
    for (const [change, code] of ends) {
      const here = new WithToken()
      assert.equal(await here.codeOf(), 'VALID')
      here.change('credential', { ...here.parent, ...change })
      assert.equal(await here.codeOf(), code, JSON.stringify(change))
    }
    const here = new WithToken()
    assert.equal(await here.codeOf(), 'VALID')
    here.remove('credential', here.parent.id)
    here.verifier.lookup.invalidate('credential', here.parent.id)
    assert.equal(await here.codeOf(), 'REVOKED')
  })

  it('dies with the secret version that it was asked with, and no other one', async () => {
    const here = new WithToken()
    const [first] = here.parent.versions
    const second = here.version(here.parent, 2)
    const now = (versions: CredentialRecord['versions']) =>
      here.change('credential', { ...here.parent, versions })
    now([first!, { ...second, revokedAtMs: here.nowMs }])
    assert.equal(await here.codeOf(), 'VALID')
    now([{ ...first!, endsAtMs: here.nowMs + 1000 }, second])
    assert.equal(await here.codeOf(), 'VALID')
    here.nowMs += 1000
    assert.equal(await here.codeOf(), 'EXPIRED')
    now([{ ...first!, revokedAtMs: here.nowMs }, second])
    assert.equal(await here.codeOf(), 'REVOKED')
    now([second])
    assert.equal(await here.codeOf(), 'REVOKED')
  })

  it('ends by itself, and says so', async () => {
    const here = new WithToken()
    assert.equal(await here.codeOf(), 'VALID')
    here.nowMs += 900_000
    const decision = await here.ask()
    assert.deepEqual([decision.code, decision.failedCheck], ['EXPIRED', 'time'])
    assert.doesNotMatch(decision.detail!, /came from/)
  })

  it('counts against the limits of the credential it came from, together with it and its other tokens', async () => {
    const limits: Limit[] = [{ type: 'rate', name: 'default', limit: 2, windowSeconds: 3600 }]
    const here = new WithToken({ limits })
    const key = keyOf(here.parent, 1)
    assert.equal((await verify(await requestAtDoor(key, here.verifier), here.verifier)).code, 'VALID')
    assert.equal(await here.codeOf(), 'VALID')
    const refused = await here.ask()
    assert.deepEqual([refused.code, refused.limits[0]?.owner], ['RATE_LIMITED', 'credential'])
    const again = here.issue({
      ...{ id: 'TTTTTTTTTTT8', kind: 'access_token', keyPrefix: 'crd_live_at' },
      ...{ parentId: here.parent.id, parentVersion: 1 },
    })
    const asked = await requestAtDoor(again.key, here.verifier)
    assert.equal((await verify(asked, here.verifier)).code, 'RATE_LIMITED', 'a new token is no way around it')
  })

  it('works when the credential it came from works: its conditions, as they are now', async () => {
    const here = new WithToken()
    assert.equal(await here.codeOf(), 'VALID')
    const conditions = { ipRanges: ['10.0.0.0/8'], methods: null, paths: null, timeWindow: null }
    here.change('credential', { ...here.parent, conditions })
    assert.equal(await here.codeOf(), 'CONDITION_FAILED')
    const whoOnly = { ...(await requestAtDoor(here.token, here.verifier)), api: null, homeApiId: null }
    assert.equal((await verify(whoOnly, here.verifier)).code, 'CONDITION_FAILED')
    assert.equal((await verify({ ...whoOnly, anywhere: true }, here.verifier)).code, 'VALID')
  })

  it('is not proven by the secret of another kind, nor a key by one of a token', async () => {
    const here = new WithToken()
    const bare = here.parent
    const asToken = keyOf({ id: bare.id, keyPrefix: 'crd_live_at' }, 1)
    const asKey = keyOf({ id: TOKEN_ID, keyPrefix: 'crd_live' }, 1)
    for (const value of [asToken, asKey]) {
      const { code } = await verify(await requestAtDoor(value, here.verifier), here.verifier)
      assert.equal(code, 'BAD_SECRET')
    }
  })

  it('of an API that does not accept tokens is refused there', async () => {
    const here = new WithToken()
    here.put('api', anApi({ accepts: ['api_key'] }))
    assert.equal(await here.codeOf(), 'KIND_NOT_ACCEPTED')
  })
})
