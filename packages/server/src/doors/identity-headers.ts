import type { Decision } from '@credence/core'
import type { IdentityTokens } from '../signing/identity-tokens.ts'

/** Headers that tell of a caller, and are empty where nobody was asked. */
const OF_A_CALLER = ['Principal', 'Principal-Name', 'External-Id', 'Credential', 'Scopes', 'Workspace']
const NOBODY = [...OF_A_CALLER, 'Stale'].flatMap((name) => [`X-Credence-${name}`, ''])

/**
 * Who is calling, for the upstream: name, value, name, value …. Ids are plain; a name and an external id can
 * hold any character, so they are percent-encoded (UTF-8, RFC 3986 section 2.1).
 * On a public route nobody was asked, and only the request's id is told.
 */
export function identityHeaders(decision: Decision, requestId: string): string[] {
  const { credential, principal, scopes, staleSeconds } = decision
  if (credential === null || principal === null) return ['x-credence-request-id', requestId]
  const { id, name, externalId, workspaceId } = principal
  const headers = [
    'x-credence-request-id',
    requestId,
    'x-credence-principal',
    id,
    'x-credence-principal-name',
    percentEncoded(name),
    'x-credence-credential',
    credential.id,
    'x-credence-scopes',
    joined(scopes),
    'x-credence-workspace',
    workspaceId,
  ]
  if (externalId !== null) headers.push('x-credence-external-id', percentEncoded(externalId))
  if (staleSeconds !== null) headers.push('x-credence-stale', String(staleSeconds))
  return headers
}

/**
 * The same for forward-auth: a header that there is nothing to say in is there too, and empty, so that the proxy
 * overwrites what the caller sent under its name.
 */
export function identityHeadersForProxy(decision: Decision, requestId: string): string[] {
  const { credential, principal, scopes, staleSeconds } = decision
  if (credential === null || principal === null) return ['X-Credence-Request-Id', requestId, ...NOBODY]
  return [
    'X-Credence-Request-Id',
    requestId,
    'X-Credence-Principal',
    principal.id,
    'X-Credence-Principal-Name',
    percentEncoded(principal.name),
    'X-Credence-External-Id',
    percentEncoded(principal.externalId ?? ''),
    'X-Credence-Credential',
    credential.id,
    'X-Credence-Scopes',
    joined(scopes),
    'X-Credence-Workspace',
    principal.workspaceId,
    'X-Credence-Stale',
    staleSeconds === null ? '' : String(staleSeconds),
  ]
}

/**
 * What tells the upstream who is calling: a JWT that it can verify, where its API says so, else plain headers.
 * @returns a list that is the caller's to go on with
 */
export function upstreamIdentity(
  decision: Decision,
  requestId: string,
  tokens: Pick<IdentityTokens, 'tokenFor'>,
): string[] {
  if (decision.api?.identityToken !== true) return identityHeaders(decision, requestId)
  const token = tokens.tokenFor(decision)
  const headers = ['x-credence-request-id', requestId]
  if (token !== null) headers.push(IDENTITY_TOKEN_HEADER, token)
  return headers
}

/** The same for forward-auth: all that the proxy could hand on of what the caller sent is overwritten. */
export function proxyIdentity(
  decision: Decision,
  requestId: string,
  tokens: Pick<IdentityTokens, 'tokenFor'>,
): string[] {
  if (decision.api?.identityToken !== true) return identityHeadersForProxy(decision, requestId)
  const token = tokens.tokenFor(decision) ?? ''
  return ['X-Credence-Request-Id', requestId, IDENTITY_TOKEN_HEADER, token, ...NOBODY]
}

/** Of a name that the gateway strips when a caller sends it, as all that begin so. */
const IDENTITY_TOKEN_HEADER = 'x-credence-identity'

function joined(scopes: readonly string[]): string {
  return scopes.length === 1 ? scopes[0]! : scopes.join(' ')
}

const NEEDS_NO_ENCODING = /^[A-Za-z0-9._~-]*$/

function percentEncoded(text: string): string {
  if (NEEDS_NO_ENCODING.test(text)) return text
  // encodeURIComponent throws on half a surrogate pair; a record must never be able to fail a request.
  return encodeURIComponent(text.toWellFormed())
}
