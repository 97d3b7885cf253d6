import type { Decision } from './decision.ts'
import { DPOP_ALGORITHMS } from './dpop.ts'
import { challengeFor, publicCode, quotedString, VERDICTS } from './verdict.ts'

const ALGORITHMS = `algs="${DPOP_ALGORITHMS.join(' ')}"`

/**
 * The `WWW-Authenticate` value of a decision: of RFC 9449 section 7.1 where DPoP is what it is about, else of the table
 * of verdicts; null where there is none.
 */
export function challengeOf({ code, api, required, dpop }: Decision): string | null {
  const realm = api?.name ?? 'credence'
  const row = VERDICTS[publicCode(code)]
  const ofDpop = `DPoP realm=${quotedString(realm)}`
  if (dpop !== null && dpop.error !== null && row.status === 401) {
    return `${ofDpop}, error="${dpop.error}", error_description=${quotedString(row.title)}, ${ALGORITHMS}`
  }
  const challenge = challengeFor(code, realm, code === 'INSUFFICIENT_SCOPE' ? required : null)
  // Nobody is known yet, so all that this API takes is offered; a certificate stands beside a Bearer token.
  return code === 'MISSING' && challenge !== null && api?.requiresBinding === true
    ? `${challenge}, ${ofDpop}, ${ALGORITHMS}`
    : challenge
}
