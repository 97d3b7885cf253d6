import { FAULTS, PROBLEM_JSON, VERDICTS } from '@credence/core'
import type { TSchema } from 'typebox'

/** The groups of the reference, in its order. */
export const TAGS = {
  Workspaces: 'Isolation boundaries: nothing crosses them.',
  APIs: 'Resource servers that are protected: scopes, routes, upstream.',
  Principals: 'Who is calling.',
  Roles: 'Named sets of scopes of one API.',
  Credentials: 'What proves a principal.',
  Issuers: 'Whose tokens are trusted, and what their claims stand for.',
  Tokens: 'Short-lived access tokens, for whoever has a credential.',
  'Signing keys': 'What tokens are signed with here.',
  Self: 'What the holder of a credential may do with it.',
  Verify: 'The answer: one verdict for every kind.',
  Decisions: 'The last decisions, and why they came out as they did.',
  Audit: 'Who did what to what.',
  Status: 'How the installation is.',
} as const

/** Success of a route: its status, what it means, and the body's schema (null: no body). */
export interface Success {
  readonly status: 200 | 201 | 204
  readonly description: string
  readonly body: TSchema | null
  /** Headers besides the request id. */
  readonly headers?: readonly (keyof typeof HEADERS)[]
}

const HEADERS = {
  'Credence-Request-Id': 'Id of this request, for logs and `credence why`.',
  'Credence-Revision': 'Position of the write; verify takes it as `at_least`.',
  ETag: 'Revision of the resource, for If-Match.',
  'WWW-Authenticate': 'The challenge (RFC 9110 section 11.6.1, RFC 6750 section 3).',
  'Retry-After': 'Seconds to wait.',
} as const

export interface RouteDoc {
  readonly operationId: string
  readonly tag: keyof typeof TAGS
  readonly summary: string
  readonly description: string
  /** The scope needed on the API `credence`; null: see the description. */
  readonly scope: string | null
  readonly success: Success
  /** Statuses of refusals besides those that every route has. */
  readonly refusals?: readonly (404 | 409 | 412 | 422)[]
  readonly body?: TSchema
  readonly querystring?: TSchema
  readonly params?: TSchema
  readonly headers?: TSchema
}

/** What any request to administration may meet. */
const ALWAYS = [400, 401, 403, 429, 500, 503] as const
const WITH_BODY = [413, 415, 422] as const

/** The schema of a route: what is checked, and what the OpenAPI document says. */
export function routeSchema<const D extends RouteDoc>(doc: D) {
  const { operationId, tag, summary, description, scope, success, refusals = [] } = doc
  const statuses = new Set<number>([...ALWAYS, ...refusals])
  if (doc.body !== undefined) for (const status of WITH_BODY) statuses.add(status)
  if (doc.querystring !== undefined || doc.params !== undefined) statuses.add(422)
  const response: Record<string, unknown> = { [success.status]: successResponse(success) }
  for (const status of [...statuses].sort((a, b) => a - b)) response[status] = refusal(status)
  const schema = {
    operationId,
    tags: [tag],
    summary,
    description:
      scope === null ? description : `${description}\n\nNeeds \`${scope}\` on the API \`credence\`.`,
    security: [{ bearer: [] }, { header: [] }],
    response,
    ...parts(doc),
  }
  // Named again, because a spread of optional members loses the types that handlers get their arguments from.
  return schema as typeof schema & Pick<D, keyof D & Part>
}

const PARTS = ['body', 'querystring', 'params', 'headers'] as const
type Part = (typeof PARTS)[number]

/** The members that Fastify checks, as far as they are there: it takes an undefined one for a mistake. */
function parts(doc: RouteDoc): Partial<Record<Part, TSchema>> {
  return Object.fromEntries(PARTS.filter((part) => doc[part] !== undefined).map((part) => [part, doc[part]]))
}

function successResponse({ description, body, headers = [] }: Success) {
  const shown = headersOf(['Credence-Request-Id', ...headers])
  if (body === null) return { description, headers: shown, type: 'null' }
  return { description, headers: shown, content: { 'application/json': { schema: body } } }
}

function refusal(status: number) {
  const names: (keyof typeof HEADERS)[] = ['Credence-Request-Id']
  if (status === 401 || status === 403) names.push('WWW-Authenticate')
  if (status === 429 || status === 503) names.push('Retry-After')
  return {
    description: `One of ${codesOf(status).join(', ')}.`,
    headers: headersOf(names),
    content: { [PROBLEM_JSON]: { schema: { $ref: 'Problem#' } } },
  }
}

function codesOf(status: number): string[] {
  return Object.entries({ ...VERDICTS, ...FAULTS })
    .filter(([, row]) => row.status === status)
    .map(([code]) => `\`${code}\``)
}

function headersOf(names: readonly (keyof typeof HEADERS)[]) {
  return Object.fromEntries(names.map((name) => [name, { description: HEADERS[name], type: 'string' }]))
}
