import { remembered } from '../remembered.ts'
import { HOP_BY_HOP } from './hop-by-hop.ts'

/** What becomes of a request header on its way to the upstream. */
export type HeaderRole =
  /** Handed on as it came, unless Connection names it or it is where the API looks for a credential. */
  | 'end-to-end'
  /** Where a credential may stand. */
  | 'credential'
  /** The proof beside a credential, which ends where that does. */
  | 'proof'
  /** Appended to. */
  | 'via'
  /** Ours to say, or for this hop only, or a second way to say method or path. */
  | 'dropped'

export interface ReadName {
  readonly role: HeaderRole
  /** The name as a server that turns headers into variables reads it: lower case, all punctuation a hyphen. */
  readonly folded: string
}

/** For this connection only, or made anew for the next one. */
const OF_THIS_HOP = [
  ...HOP_BY_HOP,
  'http2-settings',
  'proxy-authorization',
  'host',
  'content-length',
  'expect',
]
/** What only a proxy may say, and we say ourselves. */
const OF_THE_PROXY = ['forwarded', 'x-real-ip', 'client-cert', 'client-cert-chain']
/**
 * Frameworks take another method or path from these than the one that was authorized: an override would turn an
 * allowed POST into a DELETE, or /public into /admin.
 */
const OVERRIDES = ['x-http-method', 'x-http-method-override', 'x-method-override', 'x-rewrite-url']
const DROPPED = new Set([...OF_THIS_HOP, ...OF_THE_PROXY, ...OVERRIDES])
const DROPPED_PREFIXES = ['x-credence-', 'credence-', 'x-forwarded-', 'x-original-']
const CREDENTIAL = new Set(['authorization', 'x-api-key'])

const MAX_REMEMBERED = 2000

/**
 * CGI-like servers read `X_Credence_Principal` and `X-Credence-Principal` as one name (and some do so with any
 * punctuation), so a header counts as what it could be taken for.
 */
export const readName = remembered((name): ReadName => {
  const lower = name.toLowerCase()
  const folded = lower.replace(/[^a-z0-9]/g, '-')
  return { role: roleOf(lower, folded), folded }
}, MAX_REMEMBERED)

function roleOf(lower: string, folded: string): HeaderRole {
  if (DROPPED.has(folded) || DROPPED_PREFIXES.some((prefix) => folded.startsWith(prefix))) return 'dropped'
  // A twin of a header that is looked at was not looked at itself.
  if (CREDENTIAL.has(folded)) return lower === folded ? 'credential' : 'dropped'
  if (lower === 'dpop') return 'proof'
  return lower === 'via' ? 'via' : 'end-to-end'
}
