import {
  challengeOf,
  type Decision,
  FAULTS,
  type FaultCode,
  type HttpAnswer,
  PROBLEM_JSON,
  problemType,
  publicCode,
  refusalAnswer,
  VERDICTS,
} from '@credence/core'
import { redactSecrets } from '../observe/redact.ts'
import type { FieldError } from '../operations/operation.ts'

/** What a refused caller is told. */
export function answerTo(decision: Decision, requestId: string): HttpAnswer {
  const code = publicCode(decision.code)
  const { status, title } = VERDICTS[code]
  const { limits, retryAfterSeconds } = decision
  const required = code === 'INSUFFICIENT_SCOPE' ? decision.required : null
  const challenge = challengeOf(decision)
  const answer = refusalAnswer({
    ...{ status, title, code, challenge, required, limits, retryAfterSeconds, requestId },
  })
  const nonce = dpopNonceOf(decision)
  return nonce === null ? answer : { ...answer, headers: { ...answer.headers, 'dpop-nonce': nonce } }
}

/** What the answer's header DPoP-Nonce says (RFC 9449 section 8.2), whether or not the request passed; null: nothing. */
export function dpopNonceOf({ dpop }: Decision): string | null {
  return dpop === null ? null : dpop.nonce
}

/**
 * A fault as problem+json. What the caller got wrong is quoted to it; a key at a wrong place is not, since errors
 * end up in logs that are not ours. @param detail for the caller's eyes: no internals
 */
export function faultAnswer(
  code: FaultCode,
  detail: string,
  requestId: string,
  errors: readonly FieldError[] = [],
): HttpAnswer {
  const { status, title } = FAULTS[code]
  const members = errors.length > 0 ? { errors: errors.map(withoutSecrets) } : {}
  return problemJson({ status, title, code, detail: redactSecrets(detail), requestId }, members)
}

export interface Problem {
  readonly status: number
  readonly title: string
  readonly code: string
  readonly detail: string
  readonly requestId: string
}

/** RFC 9457, with members and headers of its own. */
export function problemJson(
  { status, title, code, detail, requestId }: Problem,
  members: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  const body = { type: problemType(code), title, status, code, detail, ...members, request_id: requestId }
  return {
    status,
    headers: {
      'content-type': PROBLEM_JSON,
      'cache-control': 'no-store',
      'credence-request-id': requestId,
      ...headers,
    },
    body: JSON.stringify(body),
  }
}

function withoutSecrets({ field, detail }: FieldError): FieldError {
  return { field: redactSecrets(field), detail: redactSecrets(detail) }
}
