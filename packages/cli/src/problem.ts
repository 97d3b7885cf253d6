import { exitCodeForStatus } from './exit-code.ts'
import { Failure } from './failure.ts'
import { inert } from './inert.ts'

/** What a refusal of the server says (RFC 9457), as far as it is there and of the right type. */
export interface Problem {
  readonly status: number
  readonly title: string
  readonly code: string | null
  readonly detail: string | null
  readonly requestId: string | null
  readonly errors: readonly { readonly field: string; readonly detail: string }[]
}

/** Reads problem+json without trusting it: an intermediary may have answered in the server's place. */
export function parseProblem(status: number, body: unknown, requestId: string | null): Problem {
  const members = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  return {
    status,
    title: text(members.title) ?? `HTTP ${status}`,
    code: text(members.code),
    detail: text(members.detail),
    requestId: text(members.request_id) ?? requestId,
    errors: Array.isArray(members.errors) ? members.errors.flatMap(fieldAtFault) : [],
  }
}

/** One line for what went wrong, one per field at fault, one for the request id. */
export function problemFailure(problem: Problem, hint: string | null = null): Failure {
  const what = problem.detail === null ? problem.title : `${problem.title}: ${problem.detail}`
  const lines = [problem.code === null ? what : `${what} (${problem.code})`]
  for (const { field, detail } of problem.errors) lines.push(`${field}: ${detail}`)
  if (hint !== null) lines.push(hint)
  if (problem.requestId !== null) lines.push(`request ${problem.requestId}`)
  return new Failure(exitCodeForStatus(problem.status), ...lines.map(inert))
}

function fieldAtFault(entry: unknown): { field: string; detail: string }[] {
  if (typeof entry !== 'object' || entry === null) return []
  const { field, detail } = entry as Record<string, unknown>
  return [{ field: text(field) ?? 'body', detail: text(detail) ?? 'not valid' }]
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
