import type { Problem, ProblemCode } from './openapi.ts'

/** What can go wrong before there is an answer of Credence. */
export type LocalCode =
  /** No connection, or no answer in time. */
  | 'UNREACHABLE'
  /** Something answered that is not Credence: a proxy, another server, a redirect. */
  | 'NOT_CREDENCE'
  /** The key could not be read from its source, or what is there is no key. */
  | 'KEY_UNREADABLE'

export interface ErrorFacts extends Partial<Pick<Problem, 'type' | 'detail' | 'errors' | 'required'>> {
  /** One of the server's closed list, or of this package's own. A newer server may know more. */
  readonly code: ProblemCode | LocalCode
  readonly title: string
  /** Null: there was no answer. */
  readonly status: number | null
  readonly request_id?: string | null
  readonly retry_after_seconds?: number | null
  readonly cause?: unknown
}

/**
 * The one error of this package: what the server refused, with the members of its problem+json (RFC 9457), or why there
 * was no answer. It never holds a secret.
 */
export class CredenceError extends Error {
  override readonly name = 'CredenceError'
  readonly type: string | null
  readonly code: ProblemCode | LocalCode
  readonly title: string
  readonly status: number | null
  readonly detail: string | null
  /** Every field at fault, for VALIDATION_FAILED. */
  readonly errors: readonly { readonly field: string; readonly detail: string }[]
  /** The scopes that were needed, for INSUFFICIENT_SCOPE. */
  readonly required: string | null
  /** For the operator: `credence why`, or the server's log. */
  readonly request_id: string | null
  readonly retry_after_seconds: number | null

  constructor(facts: ErrorFacts) {
    super(messageOf(facts), facts.cause === undefined ? {} : { cause: facts.cause })
    this.type = facts.type ?? null
    this.code = facts.code
    this.title = facts.title
    this.status = facts.status
    this.detail = facts.detail ?? null
    this.errors = facts.errors ?? []
    this.required = facts.required ?? null
    this.request_id = facts.request_id ?? null
    this.retry_after_seconds = facts.retry_after_seconds ?? null
  }
}

function messageOf({ title, detail, code, errors = [], request_id = null }: ErrorFacts): string {
  const fields = errors.map(({ field, detail }) => `; ${field}: ${detail}`).join('')
  const request = request_id === null ? '' : `, request ${request_id}`
  return `${title}${detail === undefined ? '' : `: ${detail}`}${fields} (${code}${request})`
}

/** Reads problem+json without trusting it: an intermediary may have answered in the server's place. */
export function errorFromAnswer(response: Response, body: unknown): CredenceError {
  const { status, headers } = response
  const members: Readonly<Record<string, unknown>> =
    typeof body === 'object' && body !== null ? { ...body } : {}
  const code = textOf(members.code)
  if (code === null) {
    const detail = `an answer with status ${status} that is not of Credence; is something else in front of it?`
    return new CredenceError({ code: 'NOT_CREDENCE', title: 'Not an answer of Credence', detail, status })
  }
  const retryAfter = /^\d{1,9}$/.exec(headers.get('retry-after') ?? '')
  return new CredenceError({
    // Of the closed list, or of a longer one of a newer server.
    code: code as ProblemCode,
    title: textOf(members.title) ?? `HTTP ${status}`,
    status,
    request_id: textOf(members.request_id) ?? headers.get('credence-request-id'),
    retry_after_seconds: retryAfter === null ? null : Number(retryAfter[0]),
    errors: fieldsOf(members.errors),
    ...given('type', textOf(members.type)),
    ...given('detail', textOf(members.detail)),
    ...given('required', textOf(members.required)),
  })
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function given<K extends string>(name: K, value: string | null): Partial<Record<K, string>> {
  return value === null ? {} : ({ [name]: value } as Record<K, string>)
}

function fieldsOf(value: unknown): { field: string; detail: string }[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((one: Readonly<Record<string, unknown>> | null) => {
    const field = textOf(one?.field)
    const detail = textOf(one?.detail)
    return field === null || detail === null ? [] : [{ field, detail }]
  })
}
