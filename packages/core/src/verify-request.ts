import type { CachedLookup } from './cached-lookup.ts'
import type { ClientKeys } from './client-keys.ts'
import type { DpopNonces } from './dpop-nonces.ts'
import type { Presented } from './extract.ts'
import type { RawHeaders } from './headers.ts'
import type { Limiter } from './limit.ts'
import type { OwnTokens } from './own-tokens.ts'
import type { Passwords } from './passwords.ts'
import type { Presenter } from './presenter.ts'
import type { ProofCache } from './proof-cache.ts'
import type { ApiRecord, CredentialKind } from './records.ts'
import type { ReplayGuard } from './replay-guard.ts'
import type { SealingKeys } from './seal.ts'
import type { SourceBudget } from './source-budget.ts'
import type { TrustedIssuers } from './trusted-issuers.ts'

/** A request to decide about. */
export interface VerifyRequest {
  /** Null: the API is `homeApiId` of whoever is calling. */
  readonly api: ApiRecord | null
  /**
   * With `api` null: which API of the credential's own workspace to decide for; null there asks only who this is,
   * wherever it may go: no grants, scopes or limits are looked at, and of its conditions those on address and hours.
   */
  readonly homeApiId: ((workspaceId: string) => string) | null
  /** True: whoever this is may be anywhere, at any hour. Counts only where nothing is asked but who it is. */
  readonly anywhere?: boolean
  /** There when, with `api` null, a token for the API `homeApiId` is asked for, and not the API itself. */
  readonly exchange?: Exchange
  /** What was presented, when it is given outside of headers; null: it is looked for in them. */
  readonly credential: Presented | null
  readonly headers: RawHeaders
  /** The query string with its `?`, or empty. */
  readonly query: string
  readonly method: string | null
  /** The path in canonical form (target.ts), or null where none is known. */
  readonly path: string | null
  /** Address of the client, or null where it is not known. */
  readonly ip: string | null
  /** Whether the client's connection is TLS. */
  readonly secure: boolean
  /** Whether the API's routes decide what is needed; then method and path must be there. */
  readonly useRoutes: boolean
  /** A scope expression that is needed besides, or null. */
  readonly scopes: string | null
  /** What the request takes from the limits; null: what the route says, else 1. */
  readonly cost: number | null
  /** True: read every record anew, for a caller that must see its own write. */
  readonly fresh: boolean
  /** What the proof of a bound credential is held against; null: nothing is known, so none of them counts. */
  readonly presenter: Presenter | null
}

export interface Exchange {
  /** The kinds of credential for which a token can be had. */
  readonly kinds: readonly CredentialKind[]
  /**
   * The API that a token is asked for, as it is known before it is known who asks, and of which workspace: what an
   * issuer's token is verified for. Null: there is none.
   */
  readonly apiId: string | null
  /** Where a client certificate is looked for, which names nobody; null: nowhere. */
  readonly workspaceId: string | null
}

export interface Verifier {
  readonly lookup: CachedLookup
  readonly proofs: ProofCache
  readonly sealingKeys: SealingKeys
  /** Whose tokens are trusted, see kinds/jwt.ts. */
  readonly issuers: TrustedIssuers
  /** Which tokens are ours, see kinds/access-token.ts. */
  readonly ownTokens: OwnTokens
  /** What HTTP Basic takes; null: no API is served that accepts it. */
  readonly passwords: Passwords | null
  /** Whose keys and certificates are credentials, see kinds/client-key.ts. */
  readonly clientKeys: ClientKeys
  readonly limiter: Limiter
  /** Remembers proofs that were used. */
  readonly replayGuard: ReplayGuard
  /** Those of which DPoP proofs must hold one; null: none is demanded. */
  readonly dpopNonces: Pick<DpopNonces, 'current' | 'accepts'> | null
  readonly clock: () => number
  /** How often the store is read again, for each source, before it is refused. */
  readonly rereads: SourceBudget
  /**
   * Resolves a fixed time after the call, longer than it takes to look an id up: the refusal of an unproven secret
   * waits for it, so that its time does not tell whether the id exists.
   */
  readonly pace: () => Promise<void>
}
