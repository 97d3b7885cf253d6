import { comesByBasic } from './basic-credentials.ts'
import type { DpopError } from './dpop.ts'
import type { LimitState } from './limit.ts'
import type { ApiRecord, CredentialRecord, IssuerRecord, PrincipalRecord, Route } from './records.ts'
import type { DenialCode, VerdictCode } from './verdict.ts'

/** The checks of verify, in the order in which they run. A decision names the one that refused. */
export const CHECKS = [
  'proxy',
  'request',
  'route',
  'tls',
  'extract',
  'kind',
  'secret',
  'state',
  'time',
  'audience',
  'binding',
  'conditions',
  'scopes',
  'limits',
] as const
export type CheckName = (typeof CHECKS)[number]

/** The answer of verify, with what the operator may know about how it came about. */
export interface Decision {
  readonly code: VerdictCode
  /** The check that refused; null when VALID. All checks before it passed. */
  readonly failedCheck: CheckName | null
  /** For the operator's eyes: why, in a sentence, without any secret. Null when VALID. */
  readonly detail: string | null
  readonly api: ApiRecord | null
  /** The pattern of the route that matched, as `METHOD /path`; null: none asked for or none matched. */
  readonly route: string | null
  /** True when the route is public: nobody was asked who they are. */
  readonly public: boolean
  /** Present from the moment the secret is proven, so never with NOT_FOUND or BAD_SECRET. */
  readonly credential: CredentialRecord | null
  /** Version of the secret that was presented. */
  readonly version: number | null
  readonly principal: PrincipalRecord | null
  /** What the credential may do at this API: grants and roles within the principal's ceiling. */
  readonly scopes: readonly string[]
  /** The scope expression that was needed, or null. */
  readonly required: string | null
  /** The limits that applied, tightest first. */
  readonly limits: readonly LimitState[]
  /** Whether the API, or the route, takes what comes by HTTP Basic: a challenge says so. */
  readonly takesBasic: boolean
  /** Seconds to wait before trying again, for 429 and 503; else null. */
  readonly retryAfterSeconds: number | null
  /**
   * The store was gone and the API goes on for a while without it: by how many seconds what was known may be out of
   * date, beyond the revocation bound. Null: it was not.
   */
  readonly staleSeconds: number | null
  /** What the answer says of DPoP; null: nothing. */
  readonly dpop: DpopAnswer | null
  /** The caller's (Caller.seat), for whoever counts; null: it has none, or was refused. */
  readonly seat: number | null
}

/** What an answer says of DPoP (RFC 9449): what was wrong with the proof, and which nonce the next one must hold. */
export interface DpopAnswer {
  /** Null: nothing was wrong. */
  readonly error: DpopError | null
  /** For the header DPoP-Nonce (section 8.2); null: none is demanded. */
  readonly nonce: string | null
}

/** Who is calling, once the secret is proven. */
export interface Identity {
  readonly api: ApiRecord | null
  readonly route: Route | null
  readonly credential: CredentialRecord
  readonly version: number
  readonly principal: PrincipalRecord
}

/** The credential that an access token came from, and which of its secret versions was presented for it. */
export interface Parent {
  readonly credential: CredentialRecord
  readonly version: number
  /** Where the credential is no record in the store, but what an issuer's token stands for: by this record. */
  readonly issuer: IssuerRecord | null
}

/** An identity with all that its life rests on. */
export interface WholeIdentity extends Identity {
  /** Null: it came from no other credential. */
  readonly parent: Parent | null
}

/** Every decision names its route, and many are kept: once for all of them. */
const routeNames = new WeakMap<Route, string>()

/** `GET /orders/*`, as docs, logs and `credence why` name a route. */
export function routeName(route: Route): string {
  let name = routeNames.get(route)
  if (name === undefined) {
    name = `${route.method} ${route.path}`
    routeNames.set(route, name)
  }
  return name
}

/** What cannot be decided now may be a moment later. */
const TRY_AGAIN_SECONDS = 1

/** A refusal before anybody is known. Also for the transports, which refuse what is no proper request. */
export function refuse(
  api: ApiRecord | null,
  failedCheck: CheckName,
  code: DenialCode,
  detail: string,
  route: Route | null = null,
): Decision {
  return {
    code,
    failedCheck,
    detail,
    api,
    route: route === null ? null : routeName(route),
    public: false,
    credential: null,
    version: null,
    principal: null,
    scopes: [],
    required: route?.scopes ?? null,
    limits: [],
    takesBasic: (route?.accepts ?? api?.accepts ?? []).some(comesByBasic),
    retryAfterSeconds: code === 'UNAVAILABLE' ? TRY_AGAIN_SECONDS : null,
    staleSeconds: null,
    dpop: null,
    seat: null,
  }
}

/** A refusal of a caller whose secret is proven. */
export function deny(caller: Identity, failedCheck: CheckName, code: DenialCode, detail: string): Decision {
  const { api, route, credential, version, principal } = caller
  return { ...refuse(api, failedCheck, code, detail, route), credential, version, principal }
}

/** VALID, for a caller that is known. */
export function allow(
  { api, route, credential, version, principal }: Identity,
  scopes: readonly string[],
  required: string | null,
  limits: Decision['limits'],
  seat: number | null = null,
): Decision {
  return {
    code: 'VALID',
    failedCheck: null,
    detail: null,
    api,
    route: route === null ? null : routeName(route),
    public: false,
    credential,
    version,
    principal,
    scopes,
    required,
    limits,
    takesBasic: false,
    retryAfterSeconds: null,
    staleSeconds: null,
    dpop: null,
    seat,
  }
}

/** VALID, for anybody. */
export function passPublic(api: ApiRecord, route: Route): Decision {
  return {
    ...refuse(api, 'route', 'MISSING', '', route),
    code: 'VALID',
    failedCheck: null,
    detail: null,
    public: true,
  }
}
