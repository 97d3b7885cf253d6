/** What the administration API answers with: the members that the commands read. */

export interface LimitResource {
  readonly name: string
  readonly type?: 'rate' | 'quota' | 'credits'
  readonly limit: number
  readonly window_seconds?: number
  readonly period?: 'hour' | 'day' | 'week' | 'month'
  readonly refill?: { readonly amount: number; readonly every_seconds: number } | null
}

export interface RouteResource {
  readonly method: string
  readonly path: string
  readonly scopes?: string | readonly string[] | null
  readonly public?: boolean
  readonly accepts?: readonly string[] | null
  readonly cost?: number
}

export interface GrantResource {
  readonly api: string
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
}

export interface WorkspaceResource {
  readonly id: string
  readonly name: string
  readonly key_prefix: string
  readonly created_at: string
}

export interface ApiResource {
  readonly id: string
  readonly name: string
  readonly audience: string
  readonly scopes: readonly string[]
  readonly routes: readonly RouteResource[]
  readonly accepts: readonly string[]
  readonly upstream: string | null
  readonly host: string | null
  readonly base_path: string
  readonly strip_base_path: boolean
  readonly cors: { readonly origins: readonly string[] } | null
  readonly requires_tls: boolean
  readonly requires_binding: boolean
  readonly limits: readonly LimitResource[]
  readonly outage_grace_seconds: number
  readonly exact_limits: boolean
  readonly identity_token: boolean
  readonly metadata: Readonly<Record<string, string>>
  readonly gateway_url: string | null
  readonly built_in: boolean
  readonly created_at: string
  readonly revision: number
  readonly warnings?: readonly string[]
}

export interface PrincipalResource {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly external_id: string | null
  readonly owner: string | null
  readonly contact: string | null
  readonly disabled: boolean
  readonly ceiling: readonly GrantResource[] | null
  readonly limits: readonly LimitResource[]
  readonly metadata: Readonly<Record<string, string>>
  readonly created_at: string
}

export interface RoleResource {
  readonly id: string
  readonly name: string
  readonly api: string
  readonly scopes: readonly string[]
  readonly created_at: string
}

export interface IssuerResource {
  readonly id: string
  readonly name: string
  readonly issuer: string
  readonly audience: string
  readonly algorithms: readonly string[]
  readonly api: string
  readonly decryption: { readonly jwks: { readonly keys: readonly object[] } } | null
  readonly disabled: boolean
  readonly created_at: string
}

export interface TokensRevokedResource {
  readonly issuer: IssuerResource
  readonly propagation: { readonly nodes: number; readonly confirmed: number; readonly after_ms: number }
}

export interface VersionResource {
  readonly version: number
  readonly status: 'current' | 'ending' | 'ended' | 'revoked'
  readonly created_at: string
  readonly ends_at: string | null
  readonly revoked_at: string | null
  readonly last_used_at: string | null
  readonly last_ip: string | null
  readonly last_user_agent: string | null
  readonly uses: number
}

export interface CredentialResource {
  readonly id: string
  readonly kind: string
  readonly status: string
  readonly reason: string | null
  readonly name: string | null
  readonly principal: {
    readonly id: string
    readonly name: string
    readonly type: string
    readonly external_id: string | null
  }
  readonly grants: readonly GrantResource[]
  readonly username: string | null
  readonly client_id: string | null
  readonly created_at: string
  readonly not_before: string | null
  readonly expires_at: string | null
  readonly conditions: ConditionsResource | null
  readonly binding: BindingResource | null
  readonly limits: readonly LimitResource[]
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: readonly string[]
  readonly issued_by: string | null
  readonly revision: number
  readonly versions: readonly VersionResource[]
  readonly usage?: {
    readonly last_used_at: string | null
    readonly by_code: Readonly<Record<string, number>>
  }
}

export interface BindingResource {
  readonly type: string
  readonly jwk_thumbprint?: string
  readonly certificate_thumbprint?: string
}

export interface ConditionsResource {
  readonly ip_ranges?: readonly string[] | null
  readonly methods?: readonly string[] | null
  readonly paths?: readonly string[] | null
  readonly time_window?: {
    readonly days: readonly number[]
    readonly start: string
    readonly end: string
    readonly time_zone: string
  } | null
}

/** What a create or rotate answers. `secret` is null in a replay: it was shown to the request that came first. */
export interface IssuedResource {
  readonly credential: CredentialResource
  readonly secret: string | null
  readonly secret_shown: boolean
}

export interface PropagationResource {
  readonly nodes: number
  readonly confirmed: number
  readonly after_ms: number
  readonly bound_ms: number
}

/** A reference as the server gives it: an id, or an object that holds one. */
export type Reference = string | { readonly id: string; readonly name?: string | null } | null

export interface DecisionResource {
  readonly request_id: string
  readonly at: string
  readonly code: string
  readonly method: string | null
  readonly path: string | null
  readonly api: Reference
  readonly route: string | null
  readonly credential: Reference
  readonly principal: Reference
  readonly ip: string | null
  readonly duration_ms: number | null
  readonly checks?: readonly {
    readonly name: string
    readonly outcome: 'passed' | 'failed' | 'not_run'
    readonly detail?: string | null
  }[]
  readonly to_allow?: string | null
}

export interface VerdictResource {
  readonly valid: boolean
  readonly code: string
  readonly detail?: string | null
  readonly credential: { readonly id: string; readonly version?: number | null } | null
  readonly principal: { readonly name: string; readonly external_id?: string | null } | null
  readonly scopes: readonly string[]
  readonly limits: readonly { readonly name: string; readonly limit: number; readonly remaining: number }[]
  readonly retry_after_seconds: number | null
  readonly request_id: string
}

/** The id that a reference stands for, or null. */
export function referenceId(reference: Reference): string | null {
  return reference !== null && typeof reference === 'object' ? reference.id : reference
}

/** The name that a reference carries, else its id. */
export function referenceName(reference: Reference): string | null {
  if (reference === null || typeof reference === 'string') return reference
  return reference.name ?? reference.id
}

/** A process of the installation, as of its last sign of life. */
export interface ProcessResource {
  readonly node: string
  readonly worker: number | null
  readonly version: string
  readonly started_at: string
  readonly position: number
  readonly feed_lag_ms: number | null
  readonly leader: boolean
}

export interface StatusResource {
  readonly version: string
  readonly node: string
  /** Which worker of the node answered; null: the node is one process. */
  readonly worker: number | null
  readonly workers: number
  readonly workers_answering: number
  readonly ready: boolean
  readonly store: { readonly name: string; readonly schema: number }
  readonly feed: { readonly position: number; readonly lag_ms: number | null; readonly bound_ms: number }
  readonly usage: { readonly queued: number; readonly dropped: number }
  readonly limits: { readonly counted_by: string; readonly degraded: boolean; readonly decided_alone: number }
  readonly uptime_seconds: number
  readonly listeners: readonly { readonly name: string; readonly host: string; readonly port: number }[]
  readonly nodes: number
  readonly processes: readonly ProcessResource[]
  readonly counts: { readonly apis: number }
}
