import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { openMeddledStore } from '../testing/meddled-store.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

type Headers = { authorization: string }
interface Answer {
  readonly status: number
  readonly body: { readonly code?: string; readonly detail?: string }
}

describe('a workspace keeps somebody who administers it', () => {
  let server: TestServer
  const meddled = { now: openMeddledStore() }
  beforeEach(async () => {
    meddled.now = openMeddledStore()
    server = await startTestServer({ store: meddled.now.store })
  })
  afterEach(() => server.close())

  /** A key of a principal of its own. */
  async function holder(
    principal: string,
    scopes: string[],
    extra: object = {},
  ): Promise<Headers & { id: string }> {
    const body = { kind: 'api_key', api: 'credence', principal, scopes, ...extra }
    const made = await server.request<{ secret: string; credential: { id: string } }>(
      'POST',
      '/v1/credentials',
      body,
    )
    assert.equal(made.status, 201, made.text)
    return { authorization: `Bearer ${made.body.secret}`, id: made.body.credential.id }
  }

  const change = (name: string, body: object, headers?: Headers): Promise<Answer> =>
    server.request(
      'PATCH',
      `/v1/principals/${name}`,
      body,
      headers && { authorization: headers.authorization },
    )

  const on = (...scopes: string[]) => [{ api: 'credence', scopes }]

  async function assertRefused(answer: Promise<Answer>, detail: RegExp) {
    const { status, body } = await answer
    assert.equal(status, 409, JSON.stringify(body))
    assert.equal(body.code, 'CONFLICT')
    assert.match(body.detail ?? '', detail)
  }

  async function assertAdministered() {
    assert.equal((await server.request('GET', '/v1/principals/administrator')).status, 200)
    assert.equal((await change('administrator', { contact: 'a@example.org' })).status, 200)
  }

  it('the administrator cannot switch itself off, nor take from itself what it does that with', async () => {
    await holder('second', ['*'])
    const own = /^the caller acts as this principal and cannot /
    await assertRefused(change('administrator', { disabled: true }), own)
    await assertRefused(change('administrator', { ceiling: [] }), own)
    await assertRefused(change('administrator', { ceiling: on('principals:*', 'apis:*') }), own)
    await assertRefused(change('administrator', { ceiling: on('*:*') }), own)
    await assertAdministered()
    assert.equal((await change('administrator', { ceiling: on('*') })).status, 200)
    assert.equal((await server.request('DELETE', '/v1/principals/administrator')).status, 409)
    await assertAdministered()
  })

  it('whoever has less than everything cannot switch itself off either, and may cap itself at what it has', async () => {
    const clerk = await holder('clerk', ['principals:*', 'audit:read'])
    await assertRefused(change('clerk', { disabled: true }, clerk), /cannot disable it/)
    await assertRefused(
      change('clerk', { ceiling: on('principals:*') }, clerk),
      /cannot take audit:read on credence from it/,
    )
    assert.equal((await change('clerk', { ceiling: on('principals:*', 'audit:read') }, clerk)).status, 200)
  })

  it('principals:write does not switch off or narrow the last administrator', async () => {
    const clerk = await holder('clerk', ['principals:*'])
    const last = /^administrator is the last principal that may do everything on credence/
    await assertRefused(change('administrator', { disabled: true }, clerk), last)
    await assertRefused(change('administrator', { ceiling: [] }, clerk), last)
    await assertRefused(change('administrator', { ceiling: on('principals:*') }, clerk), last)
    await assertAdministered()
    assert.equal((await change('administrator', { contact: null, owner: 'ops' }, clerk)).status, 200)
  })

  const NOT_OTHERS: readonly [what: string, make: () => Promise<unknown>][] = [
    [
      'whose credential is disabled',
      async () => server.request('POST', `/v1/credentials/${(await holder('other', ['*'])).id}/disable`, {}),
    ],
    [
      'whose credential is revoked',
      async () => server.request('POST', `/v1/credentials/${(await holder('other', ['*'])).id}/revoke`, {}),
    ],
    [
      'whose credential does not begin yet',
      () => holder('other', ['*'], { not_before: '2100-01-01T00:00:00Z' }),
    ],
    [
      'who lacks a scope',
      () => holder('other', ['workspaces:*', 'apis:*', 'principals:*', 'roles:*', 'credentials:*']),
    ],
    [
      'who is disabled',
      async () => {
        await holder('other', ['*'])
        return change('other', { disabled: true })
      },
    ],
    [
      'whose ceiling cuts it',
      async () => {
        await holder('other', ['*'])
        return change('other', { ceiling: on('apis:read') })
      },
    ],
  ]
  for (const [what, make] of NOT_OTHERS) {
    it(`somebody ${what} is no other administrator`, async () => {
      const clerk = await holder('clerk', ['principals:*'])
      await make()
      await assertRefused(change('administrator', { disabled: true }, clerk), /is the last principal/)
      await assertAdministered()
    })
  }

  const OTHERS: readonly [what: string, scopes: string[], roles: string[]][] = [
    ['by a role', [], ['owner']],
    [
      'by scopes that add up',
      ['workspaces:*', 'apis:*', 'principals:*', 'credentials:*', 'issuers:*', 'signing_keys:*'],
      ['rest'],
    ],
  ]
  for (const [what, scopes, roles] of OTHERS) {
    it(`with another administrator, ${what}, one may go`, async () => {
      const clerk = await holder('clerk', ['principals:*'])
      for (const [name, of] of [
        ['owner', ['*']],
        ['rest', ['roles:*', 'decisions:read', 'audit:read', 'status:read']],
      ]) {
        const made = await server.request('POST', '/v1/roles', { name, api: 'credence', scopes: of })
        assert.equal(made.status, 201, made.text)
      }
      const { authorization } = await holder('second', scopes, { roles })
      assert.equal((await change('administrator', { disabled: true }, clerk)).status, 200)
      assert.equal((await server.request('GET', '/v1/apis')).status, 401)
      await assertRefused(change('second', { disabled: true }, clerk), /^second is the last principal/)
      assert.equal((await server.request('GET', '/v1/apis', undefined, { authorization })).status, 200)
    })
  }

  it('of two administrators that are switched off at once, one stays', async () => {
    const clerk = await holder('clerk', ['principals:*'])
    await holder('second', ['*'])
    meddled.now.before('principal.update', async () => {
      assert.equal((await change('second', { disabled: true }, clerk)).status, 200)
    })
    const { status } = await change('administrator', { disabled: true }, clerk)
    assert.equal(status, 409)
    await assertAdministered()
  })

  it('who was never an administrator may be switched off, and principals of other APIs narrowed', async () => {
    await holder('reader', ['audit:read'])
    assert.equal((await change('reader', { disabled: true })).status, 200)
    const plain = await server.request('POST', '/v1/principals', { name: 'plain', type: 'service' })
    assert.equal(plain.status, 201)
    assert.equal((await change('plain', { ceiling: [], disabled: true })).status, 200)
  })
})
