import type { ClaimMapping } from './claim-mapping.ts'
import type { JweEncryptionName } from './jwe-algorithm.ts'
import type { Jwk } from './jwk.ts'
import type { JwsAlgorithmName } from './jws-algorithm.ts'

/**
 * The records Credence keeps, as values. Every row belongs to one workspace and carries a `revision`
 * that grows by one with each write of that row (compare-and-set, ETag).
 * Times are milliseconds since the Unix epoch; every such field ends in `Ms`.
 */

/** The kinds of credential, in the order in which verify tries them. */
export const CREDENTIAL_KINDS = [
  'api_key',
  'client_secret',
  'client_key',
  'basic',
  'access_token',
  'jwt',
] as const
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number]

export const PRINCIPAL_TYPES = ['application', 'service', 'user'] as const
export type PrincipalType = (typeof PRINCIPAL_TYPES)[number]

/** What an operator attached to a record; handed on in verdicts, never interpreted. */
export type Metadata = Readonly<Record<string, string>>

interface Row {
  readonly id: string
  readonly workspaceId: string
  /** 1 when made, one more with each write of this row. */
  readonly revision: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** The isolation boundary. A workspace's `workspaceId` is its own id. */
export interface WorkspaceRecord extends Row {
  readonly name: string
  /** Prefix of the keys issued here, unless an API has one of its own: `crd_live`. */
  readonly keyPrefix: string
}

/** One line of an API's policy: which requests it covers and what they need. */
export interface Route {
  /** An HTTP method in upper case, or `*` for every method. GET covers HEAD. */
  readonly method: string
  /** Path pattern, see path-pattern.ts: literal segments, `*` for one segment, `**` last for any rest. */
  readonly path: string
  /** Scope expression (see scope.ts) or null: any valid credential of this API. Ignored when public. */
  readonly scopes: string | null
  readonly public: boolean
  readonly accepts: readonly CredentialKind[] | null
  /** What one request takes from the limits. */
  readonly cost: number
}

/** A resource server that is protected. */
export interface ApiRecord extends Row {
  readonly name: string
  readonly audience: string
  readonly scopes: readonly string[]
  readonly routes: readonly Route[]
  readonly accepts: readonly CredentialKind[]
  /** `http://host:port` or `https://…` without path, query or fragment; null: no gateway. */
  readonly upstream: string | null
  /** Host the gateway mounts this API at; null: any host. */
  readonly host: string | null
  /** `/` or `/segment/…` without a slash at the end. */
  readonly basePath: string
  readonly stripBasePath: boolean
  readonly corsOrigins: readonly string[]
  readonly requiresTls: boolean
  /** Whether a credential counts only beside a proof of the key that it is bound to. */
  readonly requiresBinding: boolean
  /** Whether the upstream is told who is calling by a short-lived JWT, instead of by plain headers. */
  readonly identityToken: boolean
  /** Longest life of a credential issued for this API, in seconds; null: no bound. */
  readonly maxLifetimeSeconds: number | null
  readonly keyPrefix: string | null
  /** Name of a query parameter in which a credential is accepted; null (the default): none. */
  readonly queryParameter: string | null
  /** Name, in lower case, of one further header in which a key is accepted; null: none. */
  readonly credentialHeader: string | null
  readonly limits: readonly Limit[]
  /**
   * While the store is gone: how long, after the lease has ended, those who are known go on being served by what was
   * known of them; 0 (the default): not at all. A revocation that a node cannot hear of takes that much longer.
   */
  readonly outageGraceSeconds: number
  /**
   * Whether every request asks whoever counts for all nodes. Otherwise nodes hold a few units of a limit in
   * advance, and so many more than the limit may pass (docs/guides/limits.md).
   */
  readonly exactLimits: boolean
  readonly metadata: Metadata
  /** True of the API `credence`, which every workspace has from the start and nobody changes. */
  readonly builtIn: boolean
}

/** A named set of scopes of one API. */
export interface RoleRecord extends Row {
  readonly name: string
  readonly apiId: string
  readonly scopes: readonly string[]
}

/** (API, scopes and roles): what a credential may do, or the most a principal's credentials may. */
export interface Grant {
  readonly apiId: string
  readonly scopes: readonly string[]
  readonly roleIds: readonly string[]
}

/** Who is calling. */
export interface PrincipalRecord extends Row {
  readonly name: string
  readonly type: PrincipalType
  readonly externalId: string | null
  readonly owner: string | null
  readonly contact: string | null
  readonly disabledAtMs: number | null
  /** null: unrestricted. Empty: nothing at all. */
  readonly ceiling: readonly Grant[] | null
  readonly limits: readonly Limit[]
  readonly metadata: Metadata
}

/** When a credential may be used. Every member that is not null must hold. */
export interface Conditions {
  /** CIDR ranges or single addresses, IPv4 and IPv6. */
  readonly ipRanges: readonly string[] | null
  readonly methods: readonly string[] | null
  /** Path patterns as in Route.path. */
  readonly paths: readonly string[] | null
  readonly timeWindow: TimeWindow | null
}

/** Days and a daily span in which a credential works, in one IANA time zone. */
export interface TimeWindow {
  /** 1 Monday … 7 Sunday (ISO 8601). */
  readonly days: readonly number[]
  /** Minutes after midnight, 0 … 1439. */
  readonly startMinute: number
  /** Minutes after midnight, 1 … 1440, exclusive. At or before startMinute: the span runs over midnight. */
  readonly endMinute: number
  readonly timeZone: string
}

export type Limit = RateLimit | Quota | Credits

/** GCRA: bursts up to `limit`, refilled evenly over `windowSeconds`. */
export interface RateLimit {
  readonly type: 'rate'
  readonly name: string
  readonly limit: number
  readonly windowSeconds: number
}

export const QUOTA_PERIODS = ['hour', 'day', 'week', 'month'] as const

/** So many per calendar period, counted in UTC. A week begins on Monday. */
export interface Quota {
  readonly type: 'quota'
  readonly name: string
  readonly limit: number
  readonly period: (typeof QUOTA_PERIODS)[number]
}

/** Remaining uses. With a refill, `refillAmount` come back every `refillSeconds`, up to `limit`. */
export interface Credits {
  readonly type: 'credits'
  readonly name: string
  readonly limit: number
  readonly refill: { readonly amount: number; readonly everySeconds: number } | null
}

/** One secret of a credential. Rotation adds a version and gives the older one an end. */
export interface SecretVersion {
  /** 1, 2, 3 … */
  readonly version: number
  /** The keyed digest, sealed; see seal.ts. Never leaves the server. Empty: a key or a signature proves it, no secret. */
  readonly sealedDigest: string
  readonly createdAtMs: number
  /** From this moment on the version is EXPIRED; null: lives as long as the credential. */
  readonly endsAtMs: number | null
  readonly revokedAtMs: number | null
}

/** The key that a credential is bound to: without a proof of it, the credential is worth nothing (RFC 7800). */
export type Binding =
  /** By a DPoP proof (RFC 9449). `thumbprint` is the JWK thumbprint (RFC 7638) of the key. */
  | { readonly type: 'dpop'; readonly thumbprint: string }
  /** By the client certificate of the connection (RFC 8705). `thumbprint` is its `x5t#S256`. */
  | { readonly type: 'mtls'; readonly thumbprint: string }
  /** By a signature of the request (RFC 9421), or of a client's assertion (RFC 7523), which brings no key along: hence the whole of it, the public one. */
  | { readonly type: 'signature'; readonly thumbprint: string; readonly key: Jwk }

export const CREDENTIAL_STATES = ['active', 'disabled', 'quarantined', 'revoked'] as const
/** What was decided about a credential. Expiry is not a state: it is compared at every use. */
export type CredentialState = (typeof CREDENTIAL_STATES)[number]

/** What proves a principal. */
export interface CredentialRecord extends Row {
  readonly kind: CredentialKind
  readonly principalId: string
  readonly name: string | null
  readonly keyPrefix: string
  readonly state: CredentialState
  /** Why it was disabled, quarantined or revoked, in the words of whoever did it. */
  readonly stateReason: string | null
  readonly stateChangedAtMs: number | null
  readonly notBeforeMs: number | null
  readonly expiresAtMs: number | null
  readonly grants: readonly Grant[]
  readonly conditions: Conditions | null
  readonly limits: readonly Limit[]
  readonly metadata: Metadata
  readonly tags: readonly string[]
  /** Oldest first, never empty. */
  readonly versions: readonly SecretVersion[]
  /** The credential that issued this one; null for the first admin key. */
  readonly issuedBy: string | null
  /**
   * What it is found by where its id is not presented, as the username of `basic` and the thumbprint of `client_key`: of
   * one kind, in one workspace, no two that are not revoked have the same. Null: its id is part of its secret.
   */
  readonly handle: string | null
  readonly binding: Binding | null
  /**
   * Of an access token: the credential that it came from, and never does more than, or the trusted issuer of the token
   * that it came from, which no store holds; null: it came from none.
   */
  readonly parentId: string | null
  /** Which secret version of that credential was presented. */
  readonly parentVersion: number | null
  /** Of an access token that came from a trusted issuer's token: that one. Of kind `jwt`: itself. Else null. */
  readonly issuerToken: IssuerToken | null
}

/** A token of a trusted issuer, as far as it has to be known by whom or when it is taken back. */
export interface IssuerToken {
  /** `jti`, by which that one token is revoked; null: it has none. */
  readonly tokenId: string | null
  /** `iat`; null: it does not say. */
  readonly issuedAtMs: number | null
  /** `exp`, without any leeway. */
  readonly expiresAtMs: number
}

/** What most credentials are: found by their id, bound to no key, and of no other credential. */
export const STANDING_ALONE = {
  handle: null,
  binding: null,
  parentId: null,
  parentVersion: null,
  issuerToken: null,
} as const satisfies Partial<CredentialRecord>

/** Where the keys of an issuer are from. */
export type IssuerKeySource =
  | { readonly type: 'jwks'; readonly keys: readonly Jwk[] }
  /** Shared secrets, as a JWK set: sealed, as everything that proves somebody is. `keys` say which, without them. */
  | { readonly type: 'secrets'; readonly sealed: string; readonly keys: readonly Jwk[] }
  | { readonly type: 'jwks_uri'; readonly uri: string }
  /** The issuer's discovery document says where (OpenID Connect Discovery, RFC 8414). */
  | { readonly type: 'discovery'; readonly uri: string }

/** What its tokens may be encrypted with; they are signed all the same. */
export interface IssuerDecryption {
  /** Private keys and secrets, as JWKs, sealed: otherwise than secrets that verify, so that neither stands for the other. */
  readonly sealed: string
  /** What may be shown of them, in the same order. */
  readonly keys: readonly Jwk[]
  readonly encryptions: readonly JweEncryptionName[]
}

/** Who signs tokens that are trusted at one API. */
export interface IssuerRecord extends Row {
  readonly name: string
  /** `iss` of its tokens, character for character. */
  readonly issuer: string
  /** What `aud` of its tokens is, or holds. */
  readonly audience: string
  readonly apiId: string
  /** The algorithms that count, all asymmetric or all symmetric. */
  readonly algorithms: readonly JwsAlgorithmName[]
  readonly keySource: IssuerKeySource
  /** Null: its tokens are not encrypted. */
  readonly decryption: IssuerDecryption | null
  readonly claims: ClaimMapping
  /** What `typ` may say; null: what access tokens do, see JwtRules. */
  readonly types: readonly string[] | null
  readonly clockSkewSeconds: number
  /** How long after `iat` a token counts at most; null: `exp` alone decides. */
  readonly maxAgeSeconds: number | null
  readonly conditions: Conditions | null
  /** Counted for each principal by itself, however many tokens it has. */
  readonly limits: readonly Limit[]
  /** Null: its tokens count. */
  readonly disabledAtMs: number | null
  /** Tokens issued before this moment are REVOKED, and those that do not say when; null: none. */
  readonly revokedBeforeMs: number | null
  readonly revokedTokens: readonly RevokedToken[]
  /** The same as `revokedBeforeMs`, for one principal's tokens. */
  readonly revokedPrincipals: readonly RevokedPrincipal[]
}

/** One token, by its `jti`. */
export interface RevokedToken {
  readonly tokenId: string
  /** From then on it would be over by itself; null: nobody said, so it is kept. */
  readonly untilMs: number | null
  readonly reason: string | null
}

export interface RevokedPrincipal {
  readonly principalId: string
  readonly beforeMs: number
  readonly reason: string | null
}

export const SIGNING_KEY_STATES = ['next', 'current', 'retired', 'revoked'] as const
/**
 * `next` is published and signs later; `current` signs; what `retired` signed still counts, until `trustedUntilMs`;
 * what `revoked` signed does not.
 */
export type SigningKeyState = (typeof SIGNING_KEY_STATES)[number]

/** One of the keys with which Credence itself signs tokens. One set for the installation, in the workspace `default`. */
export interface SigningKeyRecord extends Row {
  /** Its `kid`: the SHA-256 thumbprint of the public key (RFC 7638). */
  readonly id: string
  readonly algorithm: JwsAlgorithmName
  readonly state: SigningKeyState
  /** Since when it is in that state. */
  readonly stateChangedAtMs: number
  /** The key, sealed: the private one as long as it may sign, then the public one alone. See signing-key.ts. */
  readonly sealedKey: string
  /** Of a retired key: from then on nothing that it signed can still be alive. Null: no end is known yet. */
  readonly trustedUntilMs: number | null
}

/** Every record by the name of its table. */
export interface Records {
  workspace: WorkspaceRecord
  api: ApiRecord
  role: RoleRecord
  principal: PrincipalRecord
  credential: CredentialRecord
  issuer: IssuerRecord
  signing_key: SigningKeyRecord
}
export type TableName = keyof Records
export const TABLE_NAMES = [
  'workspace',
  'api',
  'role',
  'principal',
  'credential',
  'issuer',
  'signing_key',
] as const satisfies TableName[]
