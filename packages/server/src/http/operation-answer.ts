import { challengeFor, type HttpAnswer, PROBLEM_JSON, problemType, refuse, VERDICTS } from '@credence/core'
import { answerTo, faultAnswer } from '../doors/problem.ts'
import type { OperationProblem } from '../operations/operation.ts'

/** Administration while the store cannot do its work: as good as no answer, so another try is asked for. */
export function unavailableAnswer(requestId: string): HttpAnswer {
  return answerTo(refuse(null, 'secret', 'UNAVAILABLE', 'the store cannot do its work'), requestId)
}

/** A refused operation. */
export function operationAnswer(problem: OperationProblem, requestId: string): HttpAnswer {
  if (problem.code !== 'INSUFFICIENT_SCOPE') {
    return faultAnswer(problem.code, problem.detail, requestId, problem.errors)
  }
  const { status, title } = VERDICTS.INSUFFICIENT_SCOPE
  const body = {
    type: problemType(problem.code),
    title,
    status,
    code: problem.code,
    detail: problem.detail,
    ...(problem.required && { required: problem.required }),
    request_id: requestId,
  }
  const challenge = challengeFor('INSUFFICIENT_SCOPE', 'credence', { scope: problem.required ?? null })
  return {
    status,
    headers: {
      'content-type': PROBLEM_JSON,
      'cache-control': 'no-store',
      'credence-request-id': requestId,
      ...(challenge !== null && { 'www-authenticate': challenge }),
    },
    body: JSON.stringify(body),
  }
}
