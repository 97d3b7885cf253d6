import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { createClient } from './client.ts'
import { CALLS } from './testing/operation-calls.ts'
import { answering, clientOn, collected, errorOf, KEY, lost, problem } from './testing/scripted-fetch.ts'
import type { Fetch } from './transport.ts'

describe('the client, when something goes wrong', () => {
  const ok = () => Response.json({ id: 'x' })

  it('repeats a read and a create with the same Idempotency-Key, waiting longer each time', async () => {
    for (const call of [CALLS.showApi, CALLS.issueCredential]) {
      const fetch = answering(lost, () => problem(503, 'UNAVAILABLE'), ok)
      const { client, pauses } = clientOn(fetch)
      assert.deepEqual(await call(client), { id: 'x' })
      assert.deepEqual(pauses, [200, 400])
      assert.equal(new Set(fetch.asked.map(({ headers }) => headers.get('idempotency-key'))).size, 1)
    }
  })

  it('waits as long as it is told, and not at all where that is too long', async () => {
    const soon = answering(() => problem(429, 'RATE_LIMITED', { 'retry-after': '3' }), ok)
    const patient = clientOn(soon)
    await patient.client.apis.show('a')
    assert.deepEqual(patient.pauses, [3200])
    const late = clientOn(answering(() => problem(429, 'RATE_LIMITED', { 'retry-after': '3600' })))
    const error = await errorOf(late.client.apis.show('a'))
    assert.deepEqual([error.retry_after_seconds, late.pauses], [3600, []])
  })

  it('gives up after two repetitions, and says what happened last', async () => {
    const fetch = answering(lost)
    const error = await errorOf(clientOn(fetch).client.apis.show('a'))
    assert.deepEqual([error.code, error.status], ['UNREACHABLE', null])
    assert.equal(error.message, 'Cannot reach Credence: https://credence.example: ECONNRESET (UNREACHABLE)')
    assert.equal(fetch.asked.length, 3)
  })

  it('sends once what a second time would do twice: changes, deletions, verify, the end of its own key', async () => {
    for (const call of [CALLS.updateApi, CALLS.deleteApi, CALLS.verify, CALLS.revokeSelf]) {
      const fetch = answering(lost)
      await errorOf(Promise.resolve(call(clientOn(fetch).client)))
      assert.equal(fetch.asked.length, 1)
    }
  })

  it('sends once what was refused for good', async () => {
    for (const status of [400, 403, 404, 409, 500]) {
      const fetch = answering(() => problem(status, 'CONFLICT'))
      await errorOf(clientOn(fetch).client.apis.show('a'))
      assert.equal(fetch.asked.length, 1, String(status))
    }
  })

  it('reads its key again after a 401, once, and uses it where it has changed', async () => {
    const keys = ['old', 'new', 'newer']
    const rotating = answering(() => problem(401, 'EXPIRED'), ok)
    await clientOn(rotating, { key: () => keys.shift()! }).client.apis.update('a', {})
    assert.deepEqual(
      rotating.asked.map(({ headers }) => headers.get('authorization')),
      ['Bearer old', 'Bearer new'],
    )
    for (const [key, sent] of [
      [() => 'same', 1],
      ['fixed', 1],
      [() => `${Math.random()}`, 2],
    ] as const) {
      const dead = answering(() => problem(401, 'REVOKED'))
      assert.equal((await errorOf(clientOn(dead, { key }).client.apis.show('a'))).code, 'REVOKED')
      assert.equal(dead.asked.length, sent)
    }
  })

  it('follows no redirect, and takes no answer that is not of Credence', async () => {
    const answers = [
      () => new Response(null, { status: 307, headers: { location: 'https://elsewhere.example/' } }),
      () => new Response('<html>', { status: 200 }),
      () => new Response('<html>', { status: 404 }),
    ]
    for (const answer of answers) {
      const fetch = answering(answer)
      assert.equal((await errorOf(clientOn(fetch).client.apis.show('a'))).code, 'NOT_CREDENCE')
      assert.deepEqual(
        fetch.asked.map(({ redirect }) => redirect),
        ['manual'],
      )
    }
  })

  it('ends with the reason of the caller’s signal, before and while it waits', async () => {
    const reason = new Error('enough')
    const before = clientOn(async (_, { signal }) => {
      signal!.throwIfAborted()
      return ok()
    })
    const aborted = AbortSignal.abort(reason)
    await assert.rejects(before.client.apis.show('a', { signal: aborted }), reason)
    const controller = new AbortController()
    const waiting = createClient({
      ...{ url: 'https://credence.example', key: KEY },
      fetch: async () => {
        queueMicrotask(() => controller.abort(reason))
        return problem(503, 'UNAVAILABLE', { 'retry-after': '9' })
      },
    })
    await assert.rejects(waiting.apis.show('a', { signal: controller.signal }), reason)
  })

  it('says that it waited too long', async () => {
    const silent: Fetch = (_, { signal }) =>
      new Promise((_resolve, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)))
    const { client } = clientOn(silent, { timeoutMs: 1, retries: 0 })
    assert.equal(
      (await errorOf(client.apis.show('a'))).detail,
      'https://credence.example: no answer within 1 ms',
    )
  })

  it('lets no name leave its segment of the path, and stays behind a prefix', async () => {
    const fetch = answering(ok)
    const { client } = clientOn(fetch, { url: 'https://credence.example/iam/' })
    await client.apis.show('a/../b?c#d')
    assert.equal(fetch.asked[0]?.url.href, 'https://credence.example/iam/v1/apis/a%2F..%2Fb%3Fc%23d')
    for (const name of ['', '.', '..', '%2e%2E', '.%2e']) {
      await assert.rejects(
        client.apis.show(name),
        { name: 'TypeError', message: /neither a name nor an id/ },
        name,
      )
    }
  })

  it('ends a list whose server repeats its cursor', async () => {
    const fetch = answering(() => Response.json({ items: [1], next_cursor: 'same' }))
    assert.deepEqual(await collected(clientOn(fetch).client.apis.list()), [1, 1])
  })

  it('prints its key nowhere: not as an object, not in an error, also where the key cannot be sent', async () => {
    const { client } = clientOn(answering(lost))
    const unsendable = clientOn(answering(ok), { key: `${KEY}\r\nX-Other: 1` }).client
    const printed = [
      inspect(client, { depth: 9, showHidden: true }),
      JSON.stringify(client),
      inspect(await errorOf(client.apis.show('a')), { depth: 9 }),
      inspect(await errorOf(unsendable.apis.show('a')), { depth: 9 }),
    ].join()
    assert.ok(!printed.includes(KEY))
    assert.match(printed, /KEY_UNREADABLE/)
  })

  it('refuses an address that the key could be read on the way to', () => {
    for (const url of [
      'http://credence.example',
      'ftp://credence.example',
      'https://u:p@credence.example',
      'x',
    ]) {
      assert.throws(() => createClient({ url, key: KEY }), { name: 'TypeError' })
    }
    createClient({ url: 'http://localhost:6749', key: KEY })
  })
})
