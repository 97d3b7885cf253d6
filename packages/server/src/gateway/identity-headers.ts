import type { Decision, PrincipalRecord } from '@credence/core'

/** The headers of forward-auth that are always there, so that a proxy overwrites what came in under the name. */
const ABSENT = ['X-Credence-Principal', '', 'X-Credence-External-Id', ''] as const
const ABSENT_CREDENTIAL = ['X-Credence-Credential', '', 'X-Credence-Scopes', ''] as const

/** The part that follows from the principal's record, made once per record as read. */
const memo = new WeakMap<PrincipalRecord, readonly string[]>()

/**
 * Who is calling, for the upstream: name, value, name, value …. Ids are plain; a name and an external id can
 * hold any character, so they are percent-encoded (UTF-8, RFC 3986 section 2.1).
 * On a public route nobody was asked, and only the request's id is told.
 */
export function identityHeaders(decision: Decision, requestId: string): string[] {
  const { credential, principal } = decision
  const headers = ['X-Credence-Request-Id', requestId]
  if (credential === null || principal === null) return headers
  for (const part of principalHeaders(principal)) headers.push(part)
  headers.push('X-Credence-Credential', credential.id, 'X-Credence-Scopes', decision.scopes.join(' '))
  return headers
}

/** The same for forward-auth: what there is nothing to say about is there too, and empty. */
export function identityHeadersForProxy(decision: Decision, requestId: string): string[] {
  const headers = identityHeaders(decision, requestId)
  if (decision.principal === null) headers.push(...ABSENT, ...ABSENT_CREDENTIAL)
  else if (decision.principal.externalId === null) headers.push(ABSENT[2], ABSENT[3])
  return headers
}

function principalHeaders(principal: PrincipalRecord): readonly string[] {
  let headers = memo.get(principal)
  if (headers === undefined) {
    const { id, name, externalId, workspaceId } = principal
    headers = [
      'X-Credence-Principal',
      id,
      'X-Credence-Principal-Name',
      percentEncoded(name),
      'X-Credence-Workspace',
      workspaceId,
      ...(externalId === null ? [] : ['X-Credence-External-Id', percentEncoded(externalId)]),
    ]
    memo.set(principal, headers)
  }
  return headers
}

function percentEncoded(text: string): string {
  // encodeURIComponent throws on half a surrogate pair; a record must never be able to fail a request.
  return encodeURIComponent(text.toWellFormed())
}
