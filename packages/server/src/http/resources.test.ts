import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openMemoryStore } from '../store/memory.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { otherWorkspace } from '../testing/admin-keys.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

interface Resource {
  readonly id: string
  readonly name: string
  readonly revision: number
  readonly warnings: readonly string[]
  readonly [member: string]: unknown
}
interface Page {
  readonly items: readonly Resource[]
  readonly next_cursor: string | null
}

/** As lists have them; of rows made in one millisecond the id decides. */
function newestFirst(a: Resource, b: Resource): number {
  const [first, second] = [a, b].map((row) => Date.parse(String(row.created_at)))
  return second! - first! || (a.id < b.id ? 1 : -1)
}

for (const kind of ['memory', 'sqlite'] as const) {
  describe(`resources of administration on ${kind}`, () => {
    let server: TestServer
    let folder: string
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'credence-resources-'))
      const path = join(folder, 'credence.db')
      const store =
        kind === 'memory'
          ? openMemoryStore()
          : await openSqliteStore({ path, migrate: 'auto', clock: Date.now })
      server = await startTestServer({ store })
    })
    after(async () => {
      await server.close()
      await rm(folder, { recursive: true })
    })

    const post = (area: string, body: object, headers = {}) =>
      server.request<Resource>('POST', `/v1/${area}`, body, headers)
    const show = (path: string) => server.request<Resource>('GET', `/v1/${path}`)

    const SAMPLES = {
      apis: { name: 'sample', audience: 'urn:sample', scopes: ['sample:read'] },
      principals: {
        name: 'Zoë & sons',
        type: 'application',
        external_id: 'cus_1',
        metadata: { tier: 'gold' },
      },
      roles: { name: 'auditor', api: 'credence', scopes: ['audit:read'] },
      workspaces: { name: 'staging', prefix: 'crd_stage' },
    } as const

    it('apis: limits are exact where that is said, and stay so until it is taken back', async () => {
      const { id, exact_limits: byDefault } = (await post('apis', { ...SAMPLES.apis, name: 'exact' })).body
      assert.equal(byDefault, false)
      const patch = (body: object) => server.request<Resource>('PATCH', `/v1/apis/${id}`, body)
      assert.equal((await patch({ exact_limits: true })).body.exact_limits, true)
      assert.equal((await patch({ metadata: {} })).body.exact_limits, true)
      assert.equal((await patch({ exact_limits: false })).body.exact_limits, false)
      await server.request('DELETE', `/v1/apis/${id}`)
    })

    for (const area of ['apis', 'principals', 'roles'] as const) {
      it(`${area}: made, shown by id and name, changed, deleted`, async () => {
        const made = await post(area, SAMPLES[area])
        assert.equal(made.status, 201, made.text)
        assert.equal(made.headers.get('etag'), '"1"')
        assert.match(made.headers.get('credence-revision') ?? '', /^[1-9]\d*$/)
        assert.match(made.headers.get('credence-request-id') ?? '', /^r[A-Za-z0-9]{11}$/)
        const { id, name } = made.body
        assert.deepEqual((await show(`${area}/${id}`)).body, made.body)
        assert.deepEqual((await show(`${area}/${encodeURIComponent(name)}`)).body, made.body)
        const change = area === 'roles' ? { scopes: [] } : { metadata: { a: 'b' } }
        const changed = await server.request<Resource>('PATCH', `/v1/${area}/${id}`, change)
        assert.equal(changed.status, 200, changed.text)
        assert.equal(changed.headers.get('etag'), '"2"')
        const { updated_at: _, ...rest } = changed.body
        const { updated_at: __, ...before } = made.body
        const expected = { ...before, ...change, revision: 2 }
        assert.deepEqual(rest, expected)
        const deleted = await server.request('DELETE', `/v1/${area}/${id}`)
        assert.equal(deleted.status, 204)
        assert.equal(deleted.text, '')
        assert.ok(
          Number(deleted.headers.get('credence-revision')) > Number(changed.headers.get('credence-revision')),
        )
        assert.equal((await show(`${area}/${id}`)).status, 404)
      })

      it(`${area}: If-Match lets only who saw the current revision change and delete`, async () => {
        const { id } = (await post(area, { ...SAMPLES[area], name: 'match' })).body
        const patch = (tag: string) =>
          server.request('PATCH', `/v1/${area}/${id}`, { name: undefined }, { 'if-match': tag })
        assert.equal((await patch('"2"')).status, 412)
        assert.equal((await patch('W/"1"')).status, 412)
        assert.equal((await patch('nonsense')).status, 412)
        assert.equal((await patch('"7", "1"')).status, 200)
        assert.equal((await patch('*')).status, 200)
        const remove = (tag: string) =>
          server.request('DELETE', `/v1/${area}/${id}`, undefined, { 'if-match': tag })
        assert.equal((await remove('"1"')).status, 412)
        assert.equal((await remove('"3"')).status, 204)
      })

      it(`${area}: of many changes that saw the same revision exactly one is made`, async () => {
        const { id } = (await post(area, { ...SAMPLES[area], name: 'race' })).body
        const patches = Array.from({ length: 8 }, () =>
          server.request('PATCH', `/v1/${area}/${id}`, {}, { 'if-match': '"1"' }),
        )
        const statuses = (await Promise.all(patches)).map(({ status }) => status).sort()
        assert.deepEqual(statuses, [200, 412, 412, 412, 412, 412, 412, 412])
        assert.equal((await show(`${area}/${id}`)).body.revision, 2)
        await server.request('DELETE', `/v1/${area}/${id}`)
      })
    }

    for (const area of ['apis', 'principals', 'roles', 'workspaces'] as const) {
      it(`${area}: one Idempotency-Key makes one row, also of requests at the same time`, async () => {
        const headers = { 'idempotency-key': `key-of-${area}` }
        const body = { ...SAMPLES[area], name: 'once' }
        const answers = await Promise.all(Array.from({ length: 6 }, () => post(area, body, headers)))
        for (const answer of answers) assert.equal(answer.status, 201, answer.text)
        const ids = answers.map(
          ({ body: made }) => (area === 'workspaces' ? (made.workspace as Resource) : made).id,
        )
        assert.equal(new Set(ids).size, 1)
        const page = (await server.request<Page>('GET', `/v1/${area}`)).body
        assert.equal(page.items.filter(({ name }) => name === 'once').length, 1)
        const other = await post(area, { ...body, name: 'twice' }, headers)
        assert.equal(other.status, 422)
        assert.equal(other.body.code, 'IDEMPOTENCY_MISMATCH')
        assert.equal((await show(`${area}/twice`)).status, 404)
      })
    }

    it('the admin key of a workspace is shown to one request only, and works there at once', async () => {
      const headers = { 'idempotency-key': 'key-of-admin' }
      const first = await post('workspaces', SAMPLES.workspaces, headers)
      const again = await post('workspaces', SAMPLES.workspaces, headers)
      const keyOf = (body: Resource) => body.admin_key as { secret: string | null; secret_shown: boolean }
      assert.match(keyOf(first.body).secret ?? '', /^crd_stage_[A-Za-z0-9]{50}$/)
      assert.deepEqual([keyOf(again.body).secret, keyOf(again.body).secret_shown], [null, true])
      const authorization = `Bearer ${keyOf(first.body).secret}`
      const own = await server.request<Page>('GET', '/v1/workspaces', undefined, { authorization })
      assert.deepEqual(
        own.body.items.map(({ name }) => name),
        ['staging'],
      )
    })

    it('an empty workspace is deleted with its admin keys; one that is not, and default, is kept', async () => {
      const headers = await otherWorkspace(server, 'short-lived')
      const made = await server.request<Resource>(
        'POST',
        '/v1/principals',
        { name: 'p', type: 'user' },
        headers,
      )
      assert.equal(made.status, 201)
      assert.equal((await server.request('DELETE', '/v1/workspaces/short-lived')).status, 409)
      assert.equal(
        (await server.request('DELETE', `/v1/principals/${made.body.id}`, undefined, headers)).status,
        204,
      )
      assert.equal((await server.request('DELETE', '/v1/workspaces/short-lived')).status, 204)
      assert.equal((await server.request('GET', '/v1/apis', undefined, headers)).status, 401)
      assert.equal((await server.request('DELETE', '/v1/workspaces/default')).status, 409)
      assert.equal((await server.request('PATCH', '/v1/workspaces/default', { name: 'other' })).status, 409)
    })

    it('a second row of a name, audience or mount is 409 and names the field', async () => {
      const upstream = 'http://127.0.0.1:9'
      assert.equal(
        (await post('apis', { name: 'one', audience: 'urn:one', upstream, base_path: '/one' })).status,
        201,
      )
      for (const [body, field] of [
        [{ name: 'one', audience: 'urn:two' }, 'name'],
        [{ name: 'two', audience: 'urn:one' }, 'audience'],
        [{ name: 'two', audience: 'urn:two', upstream, base_path: '/one/' }, 'base_path'],
      ] as const) {
        const answer = await post('apis', body)
        assert.equal(answer.status, 409, answer.text)
        assert.deepEqual(answer.body.errors, [{ field, detail: 'is taken' }])
      }
    })

    it('what is in use is not deleted: API, role and principal', async () => {
      await post('apis', { name: 'used', audience: 'urn:used', scopes: ['used:read'] })
      await post('roles', { name: 'used-role', api: 'used', scopes: ['used:read'] })
      const credential = { kind: 'api_key', api: 'used', roles: ['used-role'], principal: 'used-principal' }
      assert.equal((await post('credentials', credential)).status, 201)
      for (const path of ['apis/used', 'roles/used-role', 'principals/used-principal']) {
        assert.equal((await server.request('DELETE', `/v1/${path}`)).status, 409, path)
      }
      await post('apis', { name: 'capped', audience: 'urn:capped', scopes: ['capped:read'] })
      const ceiling = [{ api: 'capped', scopes: ['capped:read'] }]
      await post('principals', { name: 'capped', type: 'user', ceiling })
      assert.equal((await server.request('DELETE', '/v1/apis/capped')).status, 409)
      await server.request('PATCH', '/v1/principals/capped', { ceiling: null })
      assert.equal((await server.request('DELETE', '/v1/apis/capped')).status, 204)
    })

    it('the API credence is shown, and never changed or deleted', async () => {
      const { body } = await show('apis/credence')
      assert.equal(body.built_in, true)
      assert.equal((await server.request('PATCH', '/v1/apis/credence', { routes: [] })).status, 409)
      assert.equal((await server.request('DELETE', '/v1/apis/credence')).status, 409)
      assert.deepEqual((await show('apis/credence')).body, body)
    })

    it('routes without scopes beside them add the scopes that they name', async () => {
      const route = (method: string, scopes: string) => ({ method, path: '/a', scopes })
      const made = await post('apis', {
        name: 'implied',
        audience: 'urn:implied',
        routes: [route('GET', 'a AND (b OR c)')],
      })
      assert.deepEqual(made.body.scopes, ['a', 'b', 'c'])
      const changed = await server.request<Resource>('PATCH', '/v1/apis/implied', {
        routes: [route('PUT', 'd')],
      })
      assert.deepEqual(changed.body.scopes, ['a', 'b', 'c', 'd'])
      const lists = { routes: [{ method: 'GET', path: '/a', scopes: ['a', 'b'] }] }
      const joined = await server.request<{ routes: { scopes: string }[] }>(
        'PATCH',
        '/v1/apis/implied',
        lists,
      )
      assert.equal(joined.body.routes[0]?.scopes, 'a AND b')
    })

    it('the answer warns where nothing listens at the upstream, and only then', async () => {
      const listener = createServer().listen(0, '127.0.0.1')
      await new Promise((listening) => listener.once('listening', listening))
      const address = listener.address()
      const upstream = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
      const made = await post('apis', {
        name: 'probed',
        audience: 'urn:probed',
        upstream,
        base_path: '/probed',
      })
      assert.deepEqual(made.body.warnings, [])
      await new Promise((closed) => listener.close(closed))
      const changed = await server.request<Resource>('PATCH', '/v1/apis/probed', { upstream })
      assert.deepEqual(changed.body.warnings, [`nothing answers at ${upstream} yet`])
    })

    it('this machine is an upstream for the workspace default alone, unless the owner allows it', async () => {
      const headers = await otherWorkspace(server, 'tenant')
      const api = { name: 'inward', audience: 'urn:inward', host: 'tenant.example' }
      for (const upstream of [
        'http://127.0.0.1:9',
        'http://[::1]:9',
        'http://localhost:9',
        'http://127.1:9',
      ]) {
        const refused = await server.request<Resource>('POST', '/v1/apis', { ...api, upstream }, headers)
        assert.equal(refused.status, 422, upstream)
        assert.match(String(refused.body.detail), /^upstream: .*CREDENCE_UPSTREAM_ALLOW/)
        const own = { ...api, upstream, host: null, base_path: '/inward' }
        assert.equal((await post('apis', own)).status, 201)
        assert.equal((await server.request('DELETE', '/v1/apis/inward')).status, 204)
      }
      assert.equal((await server.request('POST', '/v1/apis', api, headers)).status, 201)
      const changed = await server.request(
        'PATCH',
        '/v1/apis/inward',
        { upstream: 'http://127.0.0.1:9' },
        headers,
      )
      assert.equal(changed.status, 422)
    })

    it("Credence's own listeners are no upstream", async () => {
      const answer = await post('apis', { name: 'loop', audience: 'urn:loop', upstream: server.url })
      assert.equal(answer.status, 422)
      assert.match(String(answer.body.detail), /^upstream: .*own listeners/)
    })

    it('pages hold every row exactly once, also while rows are added, and a changed cursor is refused', async () => {
      const made: Resource[] = []
      for (let n = 0; n < 25; n += 1) {
        made.push((await post('principals', { name: `page-${n}`, type: 'user' })).body)
      }
      const wanted = made.toSorted(newestFirst).map(({ id }) => id)
      const seen: string[] = []
      let cursor: string | null = null
      do {
        const query: string = cursor === null ? '' : `&cursor=${cursor}`
        const page: Page = (await server.request<Page>('GET', `/v1/principals?limit=7&type=user${query}`))
          .body
        assert.ok(page.items.length <= 7)
        seen.push(...page.items.map(({ id }) => id))
        cursor = page.next_cursor
        await post('principals', { name: `added-${seen.length}`, type: 'user' })
      } while (cursor !== null)
      assert.deepEqual(
        seen.filter((id) => wanted.includes(id)),
        wanted,
      )
      assert.equal(new Set(seen).size, seen.length)
      const { next_cursor: next } = (await server.request<Page>('GET', '/v1/principals?limit=1')).body
      for (const tampered of [
        `${next}A`,
        next!.slice(0, -2),
        `${next}=`,
        'AAAA',
        encodeURIComponent(`${next}\n`),
      ]) {
        assert.equal((await server.request('GET', `/v1/principals?cursor=${tampered}`)).status, 422, tampered)
      }
    })

    it('filters show what matches and nothing else', async () => {
      await post('principals', { name: 'filtered', type: 'service', external_id: 'cus_42' })
      const names = async (query: string) =>
        (await server.request<Page>('GET', `/v1/principals?${query}`)).body.items.map(({ name }) => name)
      assert.deepEqual(await names('external_id=cus_42'), ['filtered'])
      assert.deepEqual(await names('external_id=cus_42&type=user'), [])
      assert.deepEqual(await names('name=filtered'), ['filtered'])
      const roles = await server.request<Page>('GET', '/v1/roles?api=nothing')
      assert.deepEqual(roles.body, { items: [], next_cursor: null })
    })
  })
}
