import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CredentialRecord, Limit } from '../records.ts'
import { Installation, keyOf, requestAtDoor } from '../testing/installation.ts'
import { anApi } from '../testing/records.ts'
import { verify } from '../verify.ts'

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
