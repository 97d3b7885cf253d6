import {
  type CredentialRecord,
  type Decision,
  missingScopes,
  parseScopeExpression,
  scopeCovers,
} from '@credence/core'
import type { DecisionEntry } from './decision-entry.ts'

/**
 * What would make a refused request pass: a command where one is enough, else a sentence. Null when it passed.
 * Commands carry ids and scopes only, whose characters no shell interprets; names stay in sentences.
 */
export function toAllow(entry: DecisionEntry): string | null {
  const { decision } = entry
  const { code, credential } = decision
  switch (code) {
    case 'VALID':
      return null
    case 'MISSING':
      return 'Present a credential: Authorization: Bearer <key>'
    case 'MALFORMED':
      return 'Present the key exactly as it was issued: it was cut, mistyped or is no key of Credence'
    case 'BAD_REQUEST':
      return 'Change the request: in this form two servers could read it differently'
    case 'AMBIGUOUS':
      return 'Present one credential: this request carries two that differ'
    case 'KIND_NOT_ACCEPTED':
      return 'Present a credential of an accepted kind, or add this kind to `accepts` of the API or route'
    case 'ROUTE_UNKNOWN':
      return unknownRoute(entry)
    case 'TLS_REQUIRED':
      return decision.api?.requiresTls === true
        ? 'Make the request over TLS, or set `requires_tls` of the API to false'
        : 'Make the request over TLS: passwords and client secrets are taken in no other way'
    case 'PROXY_UNTRUSTED':
      return `Set CREDENCE_TRUSTED_PROXIES to the addresses of the proxy${entry.ip === null ? '' : ` (this peer: ${entry.ip})`} and restart`
    case 'NOT_FOUND':
      return 'Present a key of this workspace; this one was deleted, or is of another installation or workspace'
    case 'BAD_SECRET':
      return 'Present the whole current key of this credential; if it is lost, rotate the credential'
    case 'DISABLED':
      return disabled(decision)
    case 'EXPIRED':
      return expired(decision, entry.atMs)
    case 'NOT_YET_VALID':
      return notYetValid(credential)
    case 'REVOKED':
      return revoked(decision)
    case 'QUARANTINED':
      return command(credential, 'enable', 'Enable the credential once it is known to be safe')
    case 'WRONG_AUDIENCE':
      return wrongAudience(decision)
    case 'UNTRUSTED_ISSUER':
      return 'Present a token of an issuer that this workspace trusts'
    case 'BAD_SIGNATURE':
      return 'Present a token that is signed with a current key of its issuer'
    case 'BINDING_REQUIRED':
      return bindingRequired(decision)
    case 'BINDING_MISMATCH':
      return `${proofOf(credential)}; the detail says what differs`
    case 'REPLAYED':
      return 'Present a fresh proof or token: each may be used once'
    case 'CONDITION_FAILED':
      return `Meet the condition, or change it: ${command(credential, 'update', 'update the credential')}`
    case 'INSUFFICIENT_SCOPE':
      return insufficientScope(decision)
    case 'RATE_LIMITED':
    case 'QUOTA_EXCEEDED':
      return limited(decision)
    case 'LOCKED_OUT':
      return `${waiting(decision)}: too many passwords failed. A password that was lost is replaced by \`credence credentials rotate\``
    case 'UNAVAILABLE':
      return 'Make the store reachable; until then nothing can be known to be allowed. If it can be reached, too much came at once: try again'
  }
}

/** `npx credence credentials <verb> <id> …`, or the sentence where no credential is known. */
function command(credential: CredentialRecord | null, words: string, sentence: string): string {
  if (credential === null) return sentence
  const [verb, ...options] = words.split(' ')
  return ['npx credence credentials', verb, credential.id, ...options].join(' ')
}

function bindingRequired({ credential, api }: Decision): string {
  if (credential === null || credential.binding !== null) return proofOf(credential)
  const demand = `\`requires_binding\` of API ${api?.name ?? ''} is true: set it to false, or bind the credential to a key`
  return `${demand}: ${command(credential, 'update --bind-dpop key.jwk', '')}`
}

function proofOf(credential: CredentialRecord | null): string {
  switch (credential?.binding?.type) {
    case 'dpop':
      return 'Present, as Authorization: DPoP or X-API-Key, with a DPoP proof made for this request by the key it is bound to'
    case 'mtls':
      return 'Present it over a connection with the client certificate that it is bound to'
    case 'signature':
      return 'Sign the request (RFC 9421) with the key that the credential is bound to'
    default:
      return 'Present it as Authorization: Bearer or X-API-Key: it is bound to no key'
  }
}

function unknownRoute({ decision, method, path }: DecisionEntry): string {
  const request = method === null || path === null ? 'this request' : `${method} ${path}`
  const api = decision.api === null ? 'an API' : `API ${decision.api.name}`
  return `Add a route that covers ${request} to ${api}`
}

function disabled({ credential, principal }: Decision): string {
  if (principal !== null && principal.disabledAtMs !== null) {
    return `Set \`disabled\` of principal ${principal.id} to false`
  }
  return command(credential, 'enable', 'Enable the credential')
}

/** Either the secret presented has ended, and a newer one may be there, or the whole credential has. */
function expired({ credential, version }: Decision, atMs: number): string {
  if (credential === null) return 'Present a credential that has not ended'
  if (credential.expiresAtMs !== null && credential.expiresAtMs <= atMs) {
    return command(credential, 'update --expires 90d', '')
  }
  return newerVersion(credential, version)
}

function revoked({ credential, version }: Decision): string {
  if (credential === null || credential.state === 'revoked') {
    return 'Issue a new credential: what was revoked never comes back'
  }
  return newerVersion(credential, version)
}

function newerVersion(credential: CredentialRecord, version: number | null): string {
  const newest = credential.versions.at(-1)?.version ?? null
  const rotate = command(credential, 'rotate', '')
  return newest === version ? rotate : `Present version ${newest} of the secret, or make a new one: ${rotate}`
}

function notYetValid(credential: CredentialRecord | null): string {
  if (credential === null || credential.notBeforeMs === null)
    return 'Wait until the credential begins to hold'
  return `Wait until ${new Date(credential.notBeforeMs).toISOString()}, or change \`not_before\` of the credential`
}

function wrongAudience({ credential, api, principal }: Decision): string {
  if (credential === null || api === null) return 'Present a credential that has a grant for this API'
  if (credential.grants.some((grant) => grant.apiId === api.id) && principal !== null) {
    return `Add API ${api.name} to the ceiling of principal ${principal.id}`
  }
  return `Add a grant for API ${api.name} to credential ${credential.id}`
}

function insufficientScope({ credential, principal, api, required, scopes }: Decision): string {
  const parsed = required === null ? null : parseScopeExpression(required)
  if (credential === null || parsed === null || !parsed.ok)
    return 'Present a credential with the scopes needed'
  const missing = missingScopes(parsed.expression, scopes)
  const granted = credential.grants
    .filter((grant) => grant.apiId === api?.id)
    .flatMap((grant) => grant.scopes)
  const held = missing.filter((scope) => granted.some((pattern) => scopeCovers(pattern, scope)))
  if (held.length > 0 && principal !== null) {
    return `Add ${held.join(' ')} to the ceiling of principal ${principal.id}: the credential has it, its principal may not`
  }
  // With grants for several APIs the command must say which of them is meant.
  const apiOption = credential.grants.length > 1 && api !== null ? [`--api ${api.name}`] : []
  const options = missing.map((scope) => `--add-scope ${scope}`)
  return command(credential, ['update', ...apiOption, ...options].join(' '), '')
}

function limited(decision: Decision): string {
  const used = decision.limits.find((limit) => limit.remaining <= 0) ?? decision.limits[0]
  if (used === undefined) return `${waiting(decision)}, or raise the limit`
  const owner = { credential: decision.credential, principal: decision.principal, api: decision.api }[
    used.owner
  ]
  const whose = owner === null ? `the ${used.owner}` : `${used.owner} ${owner.id}`
  return `${waiting(decision)}, or raise limit ${used.name} (${used.limit}) of ${whose}`
}

function waiting({ retryAfterSeconds }: Decision): string {
  return retryAfterSeconds === null ? 'Waiting does not help' : `Wait ${retryAfterSeconds} s`
}
