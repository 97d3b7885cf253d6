import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IssuerKeySet } from '@credence/core'
import type { FetchedJson } from './guarded-json.ts'
import { GRACE_MS, RemoteKeys, UNKNOWN_KID_COOL_DOWN_MS } from './remote-keys.ts'
import { signingKey } from './testing/local-issuer.ts'

const [first, second] = [signingKey('k1').jwk, signingKey('k2').jwk]
const URI = 'https://issuer.example/jwks'
const MINUTE_MS = 60_000

/** An issuer that answers as told, a clock that stands still, and everything that was asked. */
class Remote {
  nowMs = 1_000_000_000
  answer: () => Promise<FetchedJson> = async () => this.published(first)
  readonly asked: string[] = []
  readonly faults: unknown[] = []
  readonly keys = new RemoteKeys({
    source: { type: 'jwks_uri', uri: URI },
    issuer: 'https://issuer.example',
    fetchJson: (uri) => {
      this.asked.push(uri)
      return this.answer()
    },
    clock: () => this.nowMs,
    onFault: (error) => this.faults.push(error),
  })

  published(jwk: object, maxAgeSeconds: number | null = null): FetchedJson {
    return { value: { keys: [jwk] }, maxAgeSeconds }
  }

  async kids(missing: IssuerKeySet | null = null): Promise<(string | null)[] | null> {
    const set = await this.keys.get(missing)
    return set?.keys.keys.map(({ kid }) => kid) ?? null
  }
}

describe('the keys that an issuer publishes', () => {
  it('are fetched once, however many ask at the same time', async () => {
    const remote = new Remote()
    const sets = await Promise.all(Array.from({ length: 100 }, () => remote.keys.get(null)))
    assert.equal(remote.asked.length, 1)
    assert.equal(new Set(sets).size, 1)
  })

  it('serve for max-age, but no less than a minute and no more than a day', async () => {
    for (const [maxAge, lifeMs] of [
      [0, MINUTE_MS],
      [600, 10 * MINUTE_MS],
      [10 ** 9, 24 * 60 * MINUTE_MS],
      [null, 60 * MINUTE_MS],
    ] as const) {
      const remote = new Remote()
      remote.answer = async () => remote.published(first, maxAge)
      await remote.kids()
      remote.nowMs += lifeMs * 0.79
      await remote.kids()
      await remote.keys.tick()
      assert.equal(remote.asked.length, 1, `${maxAge}`)
      remote.nowMs += lifeMs * 0.02
      await remote.keys.tick()
      assert.equal(remote.asked.length, 2, `${maxAge}, renewed before its end`)
    }
  })

  it('are asked for again for an unknown kid at most once in 30 seconds', async () => {
    const remote = new Remote()
    const set = await remote.keys.get(null)
    for (let i = 0; i < 100; i++) await remote.kids(set)
    assert.equal(remote.asked.length, 1)
    remote.nowMs += UNKNOWN_KID_COOL_DOWN_MS
    remote.answer = async () => remote.published(second)
    await Promise.all(Array.from({ length: 100 }, () => remote.kids(set)))
    assert.equal(remote.asked.length, 2)
    assert.deepEqual(await remote.kids(), ['k2'])
    assert.equal(set?.current, false, 'what was proven by the old set has to be proven anew')
  })

  it('stay current where an answer holds the same keys', async () => {
    const remote = new Remote()
    const set = await remote.keys.get(null)
    remote.nowMs += 50 * MINUTE_MS
    await remote.keys.tick()
    assert.equal(remote.asked.length, 2)
    assert.equal(await remote.keys.get(null), set)
    assert.equal(set?.current, true)
  })

  it('go on for a day after their life while the issuer is down, and not a moment longer', async () => {
    const remote = new Remote()
    const set = await remote.keys.get(null)
    remote.answer = () => Promise.reject(new Error('down'))
    remote.nowMs += 60 * MINUTE_MS
    assert.deepEqual(await remote.kids(), ['k1'])
    remote.nowMs += GRACE_MS - 1
    assert.deepEqual(await remote.kids(), ['k1'])
    assert.equal(set?.current, true)
    remote.nowMs += 1
    await remote.keys.tick()
    assert.equal(set?.current, false, 'for those too who never ask again')
    assert.equal(await remote.kids(), null)
    assert.ok(remote.faults.length > 0)
  })

  it('make nobody wait for an issuer that hangs, where the last good ones are there', async () => {
    const remote = new Remote()
    await remote.kids()
    remote.answer = () => Promise.reject(new Error('down'))
    remote.nowMs += 61 * MINUTE_MS
    await remote.kids()
    remote.answer = () => new Promise(() => {})
    remote.nowMs += MINUTE_MS
    assert.deepEqual(await remote.kids(), ['k1'])
  })

  it('are not asked for at each request while it fails', async () => {
    const remote = new Remote()
    remote.answer = () => Promise.reject(new Error('down'))
    for (let i = 0; i < 50; i++) assert.equal(await remote.kids(), null)
    assert.equal(remote.asked.length, 1)
    remote.nowMs += 10_000
    remote.answer = async () => remote.published(first)
    assert.deepEqual(await remote.kids(), ['k1'])
    assert.equal(remote.faults.at(-1), null, 'and that it is over is told')
  })

  it('never hold a secret', async () => {
    const remote = new Remote()
    const secret = { kty: 'oct', kid: 'k1', k: Buffer.alloc(32, 1).toString('base64url') }
    remote.answer = async () => ({ value: { keys: [secret, second] }, maxAgeSeconds: null })
    assert.deepEqual(await remote.kids(), ['k2'])
  })

  it('are replaced by no answer that holds none', async () => {
    const remote = new Remote()
    await remote.kids()
    for (const value of [{ keys: [] }, { keys: 'x' }, [], null, { keys: [{ kty: 'EC' }, null] }]) {
      remote.answer = async () => ({ value, maxAgeSeconds: null })
      remote.nowMs += 61 * MINUTE_MS
      assert.deepEqual(await remote.kids(), ['k1'], JSON.stringify(value))
    }
  })
})
