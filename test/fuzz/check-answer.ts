import { FAULT_CODES, VERDICT_CODES } from '@credence/core'
import type { RawAnswer } from './raw-connection.ts'

const CODES = new Set<string>([...VERDICT_CODES, ...FAULT_CODES])

/** What is wrong with an answer, whatever the request was. */
export function problemsOf(answer: RawAnswer, isHead = false): string[] {
  const { status, headers, body } = answer
  const requestId = headers.get('credence-request-id')
  const problems: string[] = []
  if (!requestId) problems.push('no Credence-Request-Id')
  if (status >= 500 && status !== 503) problems.push(`status ${status}`)
  if (status < 400) return problems
  const type = headers.get('content-type')
  if (type !== 'application/problem+json') problems.push(`a ${status} of type ${type}`)
  return isHead ? problems : [...problems, ...bodyProblems(status, body, requestId)]
}

function bodyProblems(status: number, body: string, requestId: string | undefined): string[] {
  let problem: Record<string, unknown>
  try {
    problem = JSON.parse(body)
  } catch {
    return [`a ${status} whose body is no JSON: ${body.slice(0, 100)}`]
  }
  const problems: string[] = []
  if (!CODES.has(String(problem.code))) problems.push(`unknown code ${problem.code}`)
  if (problem.status !== status) problems.push(`status ${status}, but ${problem.status} in the body`)
  if (problem.request_id !== requestId) problems.push('request_id is not that of the header')
  if (status === 503 && problem.code !== 'UNAVAILABLE') problems.push(`503 with ${problem.code}`)
  if (problem.code === 'VALIDATION_FAILED' && !namesFields(problem.errors)) {
    problems.push(`a 422 that names no field: ${body.slice(0, 200)}`)
  }
  return problems
}

function namesFields(errors: unknown): boolean {
  if (!Array.isArray(errors) || errors.length === 0) return false
  return errors.every(({ field, detail }) => isText(field) && isText(detail))
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}
