import assert from 'node:assert/strict'
import type { TestResponse, TestServer } from './test-server.ts'

/** What tests read of a credential. */
export interface CredentialBody {
  readonly id: string
  readonly status: string
  readonly reason: string | null
  readonly name: string | null
  readonly principal: { readonly id: string; readonly name: string; readonly external_id: string | null }
  readonly grants: readonly {
    readonly api: string
    readonly scopes: readonly string[]
    readonly roles: readonly string[]
  }[]
  readonly expires_at: string | null
  readonly conditions: unknown
  readonly tags: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  readonly issued_by: string | null
  readonly revision: number
  readonly versions: readonly {
    readonly version: number
    readonly status: string
    readonly ends_at: string | null
    readonly uses: number
  }[]
  readonly usage: {
    readonly last_used_at: string | null
    readonly by_code: Readonly<Record<string, number>>
  }
}

export interface IssuedBody {
  readonly credential: CredentialBody
  readonly secret: string | null
  readonly secret_shown: boolean
}

export interface ProblemBody {
  readonly code: string
  readonly detail?: string
  readonly required?: string
  readonly errors?: readonly { readonly field: string; readonly detail: string }[]
}

export interface VerdictBody {
  readonly valid: boolean
  readonly code: string
  readonly detail?: string
  readonly credential: { readonly id: string; readonly version: number } | null
  readonly principal: { readonly name: string; readonly external_id: string | null } | null
  readonly scopes: readonly string[]
  readonly required: string | null
  readonly limits: readonly { readonly name: string; readonly owner: string; readonly remaining: number }[]
  readonly retry_after_seconds: number | null
  readonly challenge: string | null
  readonly status: number
  readonly request_id: string
}

export function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` }
}

/** Makes an API with the scopes `{name}:read` and `{name}:write`. */
export async function makeApi(
  server: TestServer,
  name: string,
  more: Readonly<Record<string, unknown>> = {},
  key?: string,
): Promise<string> {
  const body = {
    name,
    audience: `https://${name}.example`,
    scopes: [`${name}:read`, `${name}:write`],
    base_path: `/${name}`,
    ...more,
  }
  const made = await server.request<{ id: string }>('POST', '/v1/apis', body, key ? bearer(key) : {})
  assert.equal(made.status, 201, made.text)
  return made.body.id
}

/** Asks for a credential; `body` goes over what makes it a key of `orders` for `billing`. */
export function tryIssue(
  server: TestServer,
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestResponse<IssuedBody & ProblemBody>> {
  return server.request(
    'POST',
    '/v1/credentials',
    { kind: 'api_key', principal: 'billing', ...body },
    headers,
  )
}

/** Issues a credential that the caller may issue. */
export async function issue(
  server: TestServer,
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly credential: CredentialBody; readonly secret: string }> {
  const made = await tryIssue(server, body, headers)
  assert.equal(made.status, 201, made.text)
  const { credential, secret } = made.body
  assert.equal(typeof secret, 'string')
  return { credential, secret: secret! }
}

/** A key of administration with these scopes. */
export async function makeAdmin(
  server: TestServer,
  scopes: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly credential: CredentialBody; readonly secret: string }> {
  return issue(server, { api: 'credence', principal: 'operators', scopes, ...more })
}

export async function verify(
  server: TestServer,
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<VerdictBody> {
  const answer = await server.request<VerdictBody>('POST', '/v1/verify', body, headers)
  assert.equal(answer.status, 200, answer.text)
  return answer.body
}

export async function show(server: TestServer, id: string): Promise<CredentialBody> {
  const shown = await server.request<CredentialBody>('GET', `/v1/credentials/${id}`)
  assert.equal(shown.status, 200, shown.text)
  return shown.body
}

/** The fields at fault of a 422. */
export function fieldsOf({ status, text, body }: TestResponse<ProblemBody>): string[] {
  assert.equal(status, 422, text)
  return (body.errors ?? []).map(({ field }) => field)
}
