import type { CredentialRecord, Decision, PrincipalRecord } from '@credence/core'

/** What a credential's requests are told to be, all but the request's own id. */
interface Told {
  readonly principal: PrincipalRecord
  readonly scopes: readonly string[]
  readonly headers: readonly string[]
}

/** The last ones by credential: from one change of a record to the next they are the same for each request. */
const memo = new WeakMap<CredentialRecord, Told>()

/** Headers that tell of a caller, and are empty where nobody was asked. */
const OF_A_CALLER = ['Principal', 'Principal-Name', 'External-Id', 'Credential', 'Scopes', 'Workspace']
const NOBODY = OF_A_CALLER.flatMap((name) => [`X-Credence-${name}`, ''])

/**
 * Who is calling, for the upstream: name, value, name, value …. Ids are plain; a name and an external id can
 * hold any character, so they are percent-encoded (UTF-8, RFC 3986 section 2.1).
 * On a public route nobody was asked, and only the request's id is told.
 */
export function identityHeaders(decision: Decision, requestId: string): string[] {
  const { credential, principal, scopes } = decision
  if (credential === null || principal === null) return ['X-Credence-Request-Id', requestId]
  let told = memo.get(credential)
  if (told === undefined || told.principal !== principal || told.scopes !== scopes) {
    told = { principal, scopes, headers: headersOf(credential, principal, scopes) }
    memo.set(credential, told)
  }
  const headers = ['X-Credence-Request-Id', requestId, ...told.headers]
  if (decision.staleSeconds !== null) headers.push('X-Credence-Stale', String(decision.staleSeconds))
  return headers
}

/**
 * The same for forward-auth: a header that there is nothing to say in is there too, and empty, so that the proxy
 * overwrites what the caller sent under its name.
 */
export function identityHeadersForProxy(decision: Decision, requestId: string): string[] {
  const headers = identityHeaders(decision, requestId)
  if (decision.principal === null) headers.push(...NOBODY)
  else if (decision.principal.externalId === null) headers.push('X-Credence-External-Id', '')
  if (decision.staleSeconds === null || decision.principal === null) headers.push('X-Credence-Stale', '')
  return headers
}

function headersOf(
  credential: CredentialRecord,
  { id, name, externalId, workspaceId }: PrincipalRecord,
  scopes: readonly string[],
): readonly string[] {
  const headers = ['X-Credence-Principal', id, 'X-Credence-Principal-Name', percentEncoded(name)]
  if (externalId !== null) headers.push('X-Credence-External-Id', percentEncoded(externalId))
  headers.push('X-Credence-Credential', credential.id, 'X-Credence-Scopes', scopes.join(' '))
  headers.push('X-Credence-Workspace', workspaceId)
  return headers
}

function percentEncoded(text: string): string {
  // encodeURIComponent throws on half a surrogate pair; a record must never be able to fail a request.
  return encodeURIComponent(text.toWellFormed())
}
