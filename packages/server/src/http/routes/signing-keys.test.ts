import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { openSigningKey } from '@credence/core'
import { keepSigningKeys } from '../../operations/signing-keys.ts'
import { bearer } from '../../testing/issuing.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

interface KeyBody {
  readonly kid: string
  readonly state: string
  readonly signs_from: string | null
  readonly trusted_until: string | null
}
interface KeysBody {
  readonly keys: readonly KeyBody[]
  readonly propagation?: { readonly nodes: number; readonly confirmed: number }
}
interface JwksBody {
  readonly keys: readonly Readonly<Record<string, unknown>>[]
}

const DAY_MS = 86_400_000
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** A server whose clock the test sets. */
async function serverOf(t: TestContext, config: object = { publicUrl: 'https://credence.example' }) {
  const time = { nowMs: Date.UTC(2026, 5, 16, 12) }
  const server = await startTestServer({ clock: () => time.nowMs, config })
  t.after(() => server.close())
  const keep = async () => {
    await keepSigningKeys(server.context)
    await server.context.follower.poll()
  }
  return { server, time, keep }
}

async function keysOf(server: TestServer): Promise<readonly KeyBody[]> {
  const { status, text, body } = await server.request<KeysBody>('GET', '/v1/signing-keys')
  assert.equal(status, 200, text)
  return body.keys
}

async function statesOf(server: TestServer): Promise<Record<string, string>> {
  return Object.fromEntries((await keysOf(server)).map(({ state, kid }) => [state, kid]))
}

async function jwks(server: TestServer): Promise<JwksBody['keys']> {
  const answer = await fetch(`${server.url}/.well-known/jwks.json`)
  assert.equal(answer.status, 200)
  return ((await answer.json()) as JwksBody).keys
}

async function published(server: TestServer): Promise<unknown[]> {
  return (await jwks(server)).map(({ kid }) => kid)
}

describe('signing keys', () => {
  it('are made once there is a public URL to name as their issuer, and not before', async (t) => {
    const { server, keep } = await serverOf(t, {})
    await keep()
    assert.deepEqual(await keysOf(server), [])
    assert.deepEqual(await jwks(server), [])
    const refused = await server.request('POST', '/v1/signing-keys/rotate')
    assert.equal(refused.status, 409)
    assert.match(refused.text, /CREDENCE_PUBLIC_URL/)
  })

  it('are made once, however many nodes begin at the same time', async (t) => {
    const { server, keep } = await serverOf(t)
    await Promise.all([keep(), keep(), keep()])
    const states = (await keysOf(server)).map(({ state }) => state)
    assert.deepEqual(states.toSorted(), ['current', 'next'])
  })

  it('are published without any private member, for caches, and to pages of any origin', async (t) => {
    const { server, keep } = await serverOf(t)
    await keep()
    const answer = await fetch(`${server.url}/.well-known/jwks.json`)
    assert.equal(answer.headers.get('content-type'), 'application/jwk-set+json')
    assert.equal(answer.headers.get('cache-control'), 'public, max-age=300')
    assert.equal(answer.headers.get('access-control-allow-origin'), '*')
    const { keys } = (await answer.json()) as JwksBody
    assert.equal(keys.length, 2)
    for (const key of keys) {
      assert.deepEqual(Object.keys(key).toSorted(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
      assert.deepEqual(
        PRIVATE_MEMBERS.filter((name) => name in key),
        [],
      )
    }
    const etag = answer.headers.get('etag')!
    const again = await fetch(answer.url, { headers: { 'if-none-match': etag } })
    assert.deepEqual([again.status, await again.text()], [304, ''])
    const other = await fetch(answer.url, { headers: { 'if-none-match': '"other"' } })
    assert.equal(other.status, 200)
  })

  it('are seen by verifiers before they sign, and until nothing that they signed is alive', async (t) => {
    const { server, time, keep } = await serverOf(t)
    const seen: { readonly atMs: number; readonly published: unknown[]; readonly signer: string }[] = []
    // A leader that looks every twelve hours, for four rotations.
    for (const endMs = time.nowMs + 125 * DAY_MS; time.nowMs < endMs; time.nowMs += DAY_MS / 2) {
      await keep()
      const signer = (await statesOf(server)).current!
      seen.push({ atMs: time.nowMs, published: await published(server), signer })
    }
    assert.equal(new Set(seen.map(({ signer }) => signer)).size, 5, 'it rotated four times')
    for (const [index, { atMs, signer }] of seen.entries()) {
      // Whoever fetched the set a day ago, or any time since, has the key that signs now.
      const before = seen.slice(0, index + 1).filter((one) => one.atMs >= atMs - DAY_MS)
      for (const one of before) assert.ok(one.published.includes(signer))
      // A token of the longest life, signed now, is verified to its end.
      const during = seen.slice(index).filter((one) => one.atMs <= atMs + DAY_MS)
      for (const one of during) assert.ok(one.published.includes(signer))
    }
    assert.ok(!seen.at(-1)!.published.includes(seen[0]!.signer), 'the first is gone in the end')
    assert.ok((await keysOf(server)).length <= 3)
  })

  it('do not rotate on demand before everybody can know the next one, and do from then on', async (t) => {
    const { server, time, keep } = await serverOf(t)
    await keep()
    const before = await statesOf(server)
    const early = await server.request('POST', '/v1/signing-keys/rotate')
    assert.equal(early.status, 409)
    assert.match(early.text, /2026-06-17T12:00:00/)
    assert.deepEqual(await statesOf(server), before)
    time.nowMs += DAY_MS
    const rotated = await server.request<KeysBody>('POST', '/v1/signing-keys/rotate', {})
    assert.equal(rotated.status, 200, rotated.text)
    const after = await statesOf(server)
    assert.deepEqual([after.current, after.retired], [before.next, before.current])
    assert.deepEqual(
      (await published(server)).toSorted(),
      [after.next, after.current, after.retired].toSorted(),
    )
    assert.equal((await server.request('POST', '/v1/signing-keys/rotate')).status, 409)
  })

  it('rotate at once after a compromise, and the old key counts no more and is published no more', async (t) => {
    const { server, keep } = await serverOf(t)
    await keep()
    const before = await statesOf(server)
    const rotated = await server.request<KeysBody>('POST', '/v1/signing-keys/rotate', { now: true })
    assert.equal(rotated.status, 200, rotated.text)
    assert.deepEqual([rotated.body.propagation?.nodes, rotated.body.propagation?.confirmed], [1, 1])
    const after = await statesOf(server)
    assert.deepEqual([after.current, after.revoked], [before.next, before.current])
    assert.ok(!(await published(server)).includes(before.current))
    const { store } = server.context
    assert.equal(
      (await store.read('signing_key', before.current!))?.sealedKey,
      '',
      'nobody needs it any more',
    )
  })

  it('that retire keep no private half, and are audited as every change is', async (t) => {
    const { server, time, keep } = await serverOf(t)
    await keep()
    time.nowMs += 31 * DAY_MS
    await keep()
    const { retired, current } = await statesOf(server)
    const { store, sealingKeys } = server.context
    const halfOf = async (kid: string) =>
      openSigningKey((await store.read('signing_key', kid))!, sealingKeys)!.privateKey !== null
    assert.deepEqual([await halfOf(retired!), await halfOf(current!)], [false, true])
    const trail = await server.request<{ items: { action: string; target: { id: string } }[] }>(
      'GET',
      '/v1/audit',
    )
    const rotations = trail.body.items.filter(({ action }) => action === 'signing_key.rotate')
    assert.deepEqual(
      rotations.map(({ target }) => target.id),
      [current],
    )
  })

  it('are the installation’s: administrators of another workspace neither see nor rotate them', async (t) => {
    const { server, keep } = await serverOf(t)
    await keep()
    const made = await server.request<{ admin_key: { secret: string } }>('POST', '/v1/workspaces', {
      name: 'acme',
    })
    const headers = bearer(made.body.admin_key.secret)
    assert.equal((await server.request('GET', '/v1/signing-keys', undefined, headers)).status, 403)
    assert.equal(
      (await server.request('POST', '/v1/signing-keys/rotate', { now: true }, headers)).status,
      403,
    )
  })

  it('of another algorithm take the place of the next one, which signed nothing', async (t) => {
    const { server, keep } = await serverOf(t)
    await keep()
    const before = await statesOf(server)
    const config = { ...server.context.config, signingAlgorithm: 'EdDSA' as const }
    await keepSigningKeys({ ...server.context, config })
    await server.context.follower.poll()
    const after = await statesOf(server)
    assert.equal(after.current, before.current)
    assert.notEqual(after.next, before.next)
    assert.deepEqual((await jwks(server)).map(({ alg }) => alg).toSorted(), ['ES256', 'EdDSA'])
  })
})
