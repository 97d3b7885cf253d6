import { CHECKS, type CheckName, type Decision } from '@credence/core'
import type { DecisionEntry } from './decision-entry.ts'
import { toAllow } from './to-allow.ts'

export interface ExplainedCheck {
  readonly name: CheckName
  readonly outcome: 'passed' | 'failed' | 'not_run'
  readonly detail?: string
}

/** The body of `GET /v1/decisions/{request_id}`. */
export interface ExplainedDecision {
  readonly request_id: string
  readonly at: string
  readonly via: string
  readonly code: string
  readonly method: string | null
  readonly path: string | null
  readonly api: { readonly id: string; readonly name: string } | null
  readonly route: string | null
  readonly public: boolean
  readonly credential: {
    readonly id: string
    readonly kind: string
    readonly name: string | null
    readonly version: number | null
  } | null
  readonly principal: { readonly id: string; readonly name: string } | null
  readonly ip: string | null
  readonly duration_ms: number
  readonly checks: readonly ExplainedCheck[]
  /** The scope expression that was needed. */
  readonly required: string | null
  /** What the credential may do at the API. */
  readonly has: readonly string[]
  /** A command or a sentence: what would make the request pass. Null when it did. */
  readonly to_allow: string | null
}

/** A decision as an operator reads it. */
export function explain(entry: DecisionEntry): ExplainedDecision {
  const { decision } = entry
  const { api, credential, principal } = decision
  return {
    request_id: entry.requestId,
    at: new Date(entry.atMs).toISOString(),
    via: entry.via,
    code: decision.code,
    method: entry.method,
    path: entry.path,
    api: api && { id: api.id, name: api.name },
    route: decision.route,
    public: decision.public,
    credential: credential && {
      id: credential.id,
      kind: credential.kind,
      name: credential.name,
      version: decision.version,
    },
    principal: principal && { id: principal.id, name: principal.name },
    ip: entry.ip,
    duration_ms: Math.round(entry.durationMs * 1000) / 1000,
    checks: explainChecks(entry),
    required: decision.required,
    has: decision.scopes,
    to_allow: toAllow(entry),
  }
}

function explainChecks({ decision, via }: DecisionEntry): ExplainedCheck[] {
  const failedAt = decision.failedCheck === null ? CHECKS.length : CHECKS.indexOf(decision.failedCheck)
  return CHECKS.map((name, index) => {
    if (name === decision.failedCheck) return checkWith(name, 'failed', decision.detail)
    // A refusal without a check says only that something came before all of them.
    const stopped = decision.failedCheck === null && decision.code !== 'VALID'
    if (stopped || index > failedAt || isSkipped(name, decision, via)) return { name, outcome: 'not_run' }
    return checkWith(name, 'passed', name === 'scopes' ? scopesDetail(decision) : null)
  })
}

function checkWith(name: CheckName, outcome: 'passed' | 'failed', detail: string | null): ExplainedCheck {
  return detail === null ? { name, outcome } : { name, outcome, detail }
}

/** Checks that the request gave no occasion for. */
function isSkipped(name: CheckName, decision: Decision, via: DecisionEntry['via']): boolean {
  if (name === 'proxy') return via !== 'forward-auth'
  if (name === 'route') return decision.route === null
  return decision.public && CHECKS.indexOf(name) > CHECKS.indexOf('tls')
}

function scopesDetail({ required, scopes }: Decision): string | null {
  return required === null
    ? null
    : `needs ${required}; has ${scopes.length === 0 ? 'nothing' : scopes.join(' ')}`
}
