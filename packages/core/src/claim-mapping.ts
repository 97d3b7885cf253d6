import { claimAt, parseClaimPointer } from './claim-pointer.ts'
import type { ClaimsRefusal, JwtClaims } from './jwt-claims.ts'
import { isScope } from './scope.ts'
import type { DenialCode } from './verdict.ts'

/** A claim is named by a pointer, see claim-pointer.ts: `sub`, `https://example.com/roles`, `/kubernetes.io/namespace`. */
export interface ClaimMapping {
  /** Who is calling: the prefix, then the claim's text. A prefix keeps the names of several issuers apart. */
  readonly principal: { readonly claim: string; readonly prefix: string }
  readonly scopes: ScopeSource
  /** Every one must hold. */
  readonly required: readonly RequiredClaim[]
}

export type ScopeSource =
  /** Space-separated text or a list of texts. Only those that begin with the prefix count, and are taken without it. */
  | { readonly from: 'claim'; readonly claim: string; readonly prefix: string }
  /** The same for every token: for issuers that name no scopes (CI jobs, Kubernetes service accounts). */
  | { readonly from: 'mapping'; readonly scopes: readonly string[] }

/** The claim is one of these, and of the same type: `true` is not `"true"`. */
export interface RequiredClaim {
  readonly claim: string
  readonly oneOf: readonly (string | number | boolean)[]
}

export type MappingResult =
  | { readonly ok: true; readonly principal: string; readonly scopes: readonly string[] }
  | ClaimsRefusal

/** Longest name of a principal, prefix and all. Characters. */
const MAX_PRINCIPAL_LENGTH = 255
const MAX_SCOPES = 256
const MAX_REQUIRED = 32
/** Controls, line breaks and what reorders text: a name must read the same wherever it is shown. */
const NOT_PLAIN = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

/** What is wrong with a mapping that somebody sets up, or null. */
export function claimMappingProblem({ principal, scopes, required }: ClaimMapping): string | null {
  const pointers = [principal.claim, ...required.map(({ claim }) => claim)]
  if (scopes.from === 'claim') pointers.push(scopes.claim)
  const wrong = pointers.find((pointer) => parseClaimPointer(pointer) === null)
  if (wrong !== undefined)
    return `${JSON.stringify(wrong.slice(0, 64))} is neither a claim's name nor a JSON Pointer`
  if (principal.prefix.length >= MAX_PRINCIPAL_LENGTH || !isPlain(principal.prefix)) {
    return "the principal's prefix is too long, or holds what no name may hold"
  }
  if (required.length > MAX_REQUIRED) return `more than ${MAX_REQUIRED} claims are required`
  if (required.some(({ oneOf }) => oneOf.length === 0)) return 'a required claim has no value that would do'
  if (scopes.from === 'mapping' && !scopes.scopes.every(isScope))
    return 'a scope is not one, or holds a wildcard'
  return null
}

/**
 * What the claims of a verified token stand for here. A token never gets a wildcard: whatever is not one scope,
 * written out, is left out, as are scopes of other APIs' prefixes.
 */
export function mapClaims({ all }: Pick<JwtClaims, 'all'>, mapping: ClaimMapping): MappingResult {
  for (const { claim, oneOf } of mapping.required) {
    const value = claimAt(all, claim)
    if (!oneOf.some((one) => one === value)) {
      return refused('NOT_FOUND', `the claim ${claim} is not one that is trusted`)
    }
  }
  const { claim, prefix } = mapping.principal
  const text = claimAt(all, claim)
  if (typeof text !== 'string' || text === '')
    return refused('MALFORMED', `the claim ${claim} is not a text that names somebody`)
  const principal = prefix + text
  if (principal.length > MAX_PRINCIPAL_LENGTH || !isPlain(principal)) {
    return refused('MALFORMED', `the claim ${claim} is too long for a name, or holds what no name may hold`)
  }
  const scopes = scopesFrom(all, mapping.scopes)
  if (typeof scopes === 'string') return refused('MALFORMED', scopes)
  return { ok: true, principal, scopes }
}

function refused(code: DenialCode, detail: string): ClaimsRefusal {
  return { ok: false, code, detail }
}

/** Names are kept in NFC. Two texts that become one there would be one principal, so only that form is taken. */
function isPlain(text: string): boolean {
  return !NOT_PLAIN.test(text) && text === text.normalize('NFC')
}

/** The scopes, or what is wrong with the claim. Without the claim: none. */
function scopesFrom(all: Readonly<Record<string, unknown>>, source: ScopeSource): readonly string[] | string {
  if (source.from === 'mapping') return source.scopes
  const { claim, prefix } = source
  const value = claimAt(all, claim)
  if (value === undefined) return []
  const list: unknown = typeof value === 'string' ? value.split(' ') : value
  if (!Array.isArray(list) || list.length > MAX_SCOPES)
    return `the claim ${claim} is no list of scopes, or a very long one`
  const scopes = new Set<string>()
  for (const one of list) {
    if (typeof one !== 'string') return `the claim ${claim} holds something else than texts`
    const scope = one.startsWith(prefix) ? one.slice(prefix.length) : ''
    if (isScope(scope)) scopes.add(scope)
  }
  return [...scopes]
}
