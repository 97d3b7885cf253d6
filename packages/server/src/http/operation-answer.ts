import { challengeFor, type HttpAnswer, refuse, VERDICTS } from '@credence/core'
import { answerTo, faultAnswer, problemJson } from '../doors/problem.ts'
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
  const { code, detail, required } = problem
  const { status, title } = VERDICTS.INSUFFICIENT_SCOPE
  const challenge = challengeFor(code, 'credence', { scope: required ?? null })
  return problemJson(
    { status, title, code, detail, requestId },
    required ? { required } : {},
    challenge === null ? {} : { 'www-authenticate': challenge },
  )
}
