import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import AjvCompiler from '@fastify/ajv-compiler'
import { otherWorkspace } from '../testing/admin-keys.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

interface Document {
  readonly components: { readonly schemas: { readonly Problem: object } }
  readonly paths: Readonly<Record<string, Record<string, { responses: Record<string, Described> }>>>
}
interface Described {
  readonly content?: Record<string, { readonly schema: object }>
}
type Validate = ((value: unknown) => boolean) & { readonly errors: unknown }

describe('what is answered', () => {
  let server: TestServer
  let document: Document
  const compile = AjvCompiler()(
    {},
    {
      customOptions: { allErrors: true, coerceTypes: false, removeAdditional: false, allowUnionTypes: true },
    },
  )
  before(async () => {
    server = await startTestServer()
    document = (await server.request<Document>('GET', '/openapi.json')).body
  })
  after(() => server.close())

  /** What is wrong with an answer by the OpenAPI document; null: nothing. */
  function mismatch(method: string, path: string, status: number, type: string, body: unknown): unknown {
    const template = path.split('?')[0]!.replace(/^(\/v1\/\w+)\/[^/]+/, '$1/{ref}')
    const answer = document.paths[template]?.[method.toLowerCase()]?.responses[String(status)]
    if (answer === undefined) return `${method} ${template} says nothing of ${status}`
    const content = answer.content
    if (content === undefined) return status === 204 ? null : 'no content is described'
    const schema = content[type]?.schema
    if (schema === undefined) return `${type} is not described`
    const whole = '$ref' in schema ? document.components.schemas.Problem : schema
    // What Fastify hands the compiler is more than its type says.
    const validate = compile({
      schema: whole,
      method,
      url: path,
      httpPart: 'body',
    } as object) as unknown as Validate
    return validate(body) ? null : validate.errors
  }

  async function check(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<number> {
    const answer = await server.request(method, path, body, headers)
    const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
    assert.deepEqual(
      mismatch(method, path, answer.status, type, answer.body),
      null,
      `${method} ${path} ${answer.text}`,
    )
    return answer.status
  }

  it('is what the document says, member by member, for success and refusals', async () => {
    const api = {
      name: 'orders',
      audience: 'urn:orders',
      scopes: ['orders:read', 'eu'],
      upstream: 'http://127.0.0.1:9',
      host: 'api.example',
      routes: [
        { method: 'GET', path: '/healthz', public: true },
        { method: 'GET', path: '/orders/*', scopes: 'orders:read AND eu', accepts: ['api_key'], cost: 2 },
      ],
      cors: { origins: ['https://app.example'] },
      limits: [
        { name: 'rate', limit: 5, window_seconds: 60 },
        { name: 'quota', limit: 5, period: 'day' },
        { name: 'credits', limit: 5, refill: { amount: 1, every_seconds: 60 } },
        { name: 'once', limit: 5 },
      ],
      max_lifetime_seconds: 86_400,
      outage_grace_seconds: 30,
      key_prefix: 'acme',
      query_parameter: 'key',
      credential_header: 'X-Acme-Key',
      metadata: { team: 'a' },
    }
    const statuses = [
      await check('POST', '/v1/apis', api),
      await check('POST', '/v1/apis', api),
      await check('POST', '/v1/apis', {}),
      await check('POST', '/v1/apis', '{'),
      await check('GET', '/v1/apis/orders'),
      await check('GET', '/v1/apis'),
      await check('GET', '/v1/apis/nothing'),
      await check('PATCH', '/v1/apis/orders', { host: null, cors: null, limits: [], routes: [] }),
      await check('PATCH', '/v1/apis/orders', {}, { 'if-match': '"1"' }),
      await check('POST', '/v1/roles', { name: 'reader', api: 'orders', scopes: ['orders:*'] }),
      await check('GET', '/v1/roles'),
      await check('POST', '/v1/principals', {
        name: 'billing',
        type: 'service',
        ceiling: [{ api: 'orders', scopes: ['eu'], roles: ['reader'] }],
        owner: 'Ann',
        contact: 'ann@example.org',
      }),
      await check('GET', '/v1/principals/billing'),
      await check('GET', '/v1/principals?limit=1'),
      await check('GET', '/v1/principals?limit=0'),
      await check('POST', '/v1/workspaces', { name: 'test', prefix: 'crd_test' }),
      await check('GET', '/v1/workspaces'),
      await check('GET', '/v1/workspaces', undefined, { authorization: 'Bearer nothing' }),
      await check('POST', '/v1/workspaces', { name: 'x' }, await otherWorkspace(server)),
      await check('DELETE', '/v1/principals/billing'),
    ]
    const expected = [
      201, 409, 422, 400, 200, 200, 404, 200, 412, 201, 200, 201, 200, 200, 422, 201, 200, 401, 403, 204,
    ]
    assert.deepEqual(statuses, expected)
  })

  it('and a member that the document does not name would be noticed', () => {
    const item = {
      id: 'ws_1',
      name: 'a',
      key_prefix: 'crd',
      created_at: '2026-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
      revision: 1,
    }
    const page = { items: [item], next_cursor: null }
    const type = 'application/json'
    assert.equal(mismatch('GET', '/v1/workspaces', 200, type, page), null)
    assert.notEqual(
      mismatch('GET', '/v1/workspaces', 200, type, { ...page, items: [{ ...item, more: 1 }] }),
      null,
    )
    assert.notEqual(mismatch('GET', '/v1/workspaces', 200, type, { items: [item] }), null)
    assert.notEqual(mismatch('GET', '/v1/workspaces', 402, type, page), null)
  })
})
