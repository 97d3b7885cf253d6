// Generated from the OpenAPI document by `node scripts/generate-client-types.ts`. Do not edit.

export type ProblemCode =
  | 'VALID'
  | 'MISSING'
  | 'MALFORMED'
  | 'BAD_REQUEST'
  | 'KIND_NOT_ACCEPTED'
  | 'ROUTE_UNKNOWN'
  | 'TLS_REQUIRED'
  | 'PROXY_UNTRUSTED'
  | 'AMBIGUOUS'
  | 'NOT_FOUND'
  | 'BAD_SECRET'
  | 'DISABLED'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'REVOKED'
  | 'QUARANTINED'
  | 'WRONG_AUDIENCE'
  | 'UNTRUSTED_ISSUER'
  | 'BAD_SIGNATURE'
  | 'BINDING_REQUIRED'
  | 'BINDING_MISMATCH'
  | 'REPLAYED'
  | 'CONDITION_FAILED'
  | 'INSUFFICIENT_SCOPE'
  | 'RATE_LIMITED'
  | 'QUOTA_EXCEEDED'
  | 'LOCKED_OUT'
  | 'UNAVAILABLE'
  | 'INVALID_JSON'
  | 'INVALID_REQUEST'
  | 'RESOURCE_NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'CONFLICT'
  | 'PRECONDITION_FAILED'
  | 'BODY_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'VALIDATION_FAILED'
  | 'IDEMPOTENCY_MISMATCH'
  | 'HEADERS_TOO_LARGE'
  | 'INTERNAL'
  | 'NO_UPSTREAM'
  | 'UPSTREAM_UNREACHABLE'
  | 'UPSTREAM_TIMEOUT'

export type Problem = {
  /** URI reference of the page that explains the code. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ProblemCode
  readonly detail?: string
  readonly errors?: readonly {
    readonly field: string
    readonly detail: string
  }[]
  /** For INSUFFICIENT_SCOPE: the scopes that were needed. */
  readonly required?: string
  readonly request_id: string
}

export type VerdictCode =
  | 'VALID'
  | 'MISSING'
  | 'MALFORMED'
  | 'BAD_REQUEST'
  | 'KIND_NOT_ACCEPTED'
  | 'ROUTE_UNKNOWN'
  | 'TLS_REQUIRED'
  | 'PROXY_UNTRUSTED'
  | 'AMBIGUOUS'
  | 'NOT_FOUND'
  | 'BAD_SECRET'
  | 'DISABLED'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'REVOKED'
  | 'QUARANTINED'
  | 'WRONG_AUDIENCE'
  | 'UNTRUSTED_ISSUER'
  | 'BAD_SIGNATURE'
  | 'BINDING_REQUIRED'
  | 'BINDING_MISMATCH'
  | 'REPLAYED'
  | 'CONDITION_FAILED'
  | 'INSUFFICIENT_SCOPE'
  | 'RATE_LIMITED'
  | 'QUOTA_EXCEEDED'
  | 'LOCKED_OUT'
  | 'UNAVAILABLE'

export type Workspace = {
  /** Made by Credence; never changes. */
  readonly id: string
  /** Unique in its workspace; accepted wherever the id is. */
  readonly name: string
  /** Of the keys issued there. */
  readonly key_prefix: string
  /** RFC 3339. */
  readonly created_at: string
  /** RFC 3339. */
  readonly updated_at: string
  readonly revision: number
}

export type Route = {
  readonly method: string
  readonly path: string
  /** A scope expression. */
  readonly scopes: string | null
  readonly public: boolean
  readonly accepts:
    | readonly ('api_key' | 'client_secret' | 'client_key' | 'basic' | 'access_token' | 'jwt')[]
    | null
  readonly cost: number
}

export type Limit = {
  readonly name: string
  /** Left out: rate with `window_seconds`, quota with `period`, else credits. */
  readonly type?: 'rate' | 'quota' | 'credits'
  readonly limit: number
  /** Of a rate. */
  readonly window_seconds?: number
  /** Of a quota: a calendar period in UTC. */
  readonly period?: 'hour' | 'day' | 'week' | 'month'
  readonly refill?: {
    readonly amount: number
    readonly every_seconds: number
  } | null
}

export type Api = {
  /** Made by Credence; never changes. */
  readonly id: string
  /** Unique in its workspace; accepted wherever the id is. */
  readonly name: string
  /** Resource indicator (RFC 8707): a URI without fragment, unique in the workspace. */
  readonly audience: string
  readonly scopes: readonly string[]
  readonly routes: readonly Route[]
  readonly accepts: readonly ('api_key' | 'client_secret' | 'client_key' | 'basic' | 'access_token' | 'jwt')[]
  /** Where the gateway forwards to: scheme, host and port. */
  readonly upstream: string | null
  readonly host: string | null
  readonly base_path: string
  readonly strip_base_path: boolean
  readonly cors: {
    readonly origins: readonly string[]
  } | null
  readonly requires_tls: boolean
  readonly requires_binding: boolean
  readonly identity_token: boolean
  readonly max_lifetime_seconds: number | null
  readonly key_prefix: string | null
  readonly query_parameter: string | null
  readonly credential_header: string | null
  readonly limits: readonly Limit[]
  readonly outage_grace_seconds: number
  readonly exact_limits: boolean
  /** The operator's own; handed on in verdicts, never interpreted. */
  readonly metadata: Readonly<Record<string, string>>
  /** Where the gateway serves it; null: it does not. */
  readonly gateway_url: string | null
  /** True of `credence`, which is administration itself. */
  readonly built_in: boolean
  /** RFC 3339. */
  readonly created_at: string
  /** RFC 3339. */
  readonly updated_at: string
  readonly revision: number
  /** What was found odd just now; nothing is wrong. */
  readonly warnings: readonly string[]
}

export type GrantInput = {
  /** An id or a name. */
  readonly api: string
  readonly scopes?: readonly string[]
  readonly roles?: readonly string[]
}

export type Grant = {
  readonly api: string
  /** Made by Credence; never changes. */
  readonly api_id: string
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
}

export type Principal = {
  /** Made by Credence; never changes. */
  readonly id: string
  /** Unique in its workspace; must not look like an id. */
  readonly name: string
  /** An application is software that others run or register, a service is the own workload, a user a person or customer. */
  readonly type: 'application' | 'service' | 'user'
  /** The operator's own id of it; handed on in every verdict. */
  readonly external_id: string | null
  readonly owner: string | null
  readonly contact: string | null
  /** The most that its credentials may do; null: unrestricted, empty: nothing. */
  readonly ceiling: readonly Grant[] | null
  readonly limits: readonly Limit[]
  /** The operator's own; handed on in verdicts, never interpreted. */
  readonly metadata: Readonly<Record<string, string>>
  readonly disabled: boolean
  /** RFC 3339. */
  readonly created_at: string
  /** RFC 3339. */
  readonly updated_at: string
  readonly revision: number
}

export type Role = {
  /** Made by Credence; never changes. */
  readonly id: string
  /** Unique in its workspace; accepted wherever the id is. */
  readonly name: string
  /** Name of the API whose scopes these are. */
  readonly api: string
  /** Made by Credence; never changes. */
  readonly api_id: string
  readonly scopes: readonly string[]
  /** RFC 3339. */
  readonly created_at: string
  /** RFC 3339. */
  readonly updated_at: string
  readonly revision: number
}

export type Conditions = {
  readonly ip_ranges?: readonly string[] | null
  readonly methods?: readonly string[] | null
  readonly paths?: readonly string[] | null
  readonly time_window?: {
    /** 1 Monday … 7 Sunday (ISO 8601). */
    readonly days: readonly number[]
    readonly start: string
    /** Exclusive. At or before the start: the span runs over midnight. */
    readonly end: string
    /** IANA time zone. */
    readonly time_zone: string
  } | null
}

export type SecretVersion = {
  readonly version: number
  /** ending: a newer one is there, this one works until its end. */
  readonly status: 'current' | 'ending' | 'ended' | 'revoked'
  readonly created_at: string
  readonly ends_at: string | null
  readonly revoked_at: string | null
  readonly last_used_at: string | null
  readonly last_ip: string | null
  readonly last_user_agent: string | null
  readonly uses: number
}

export type Credential = {
  /** Made by Credence; never changes. */
  readonly id: string
  readonly kind: 'api_key' | 'client_secret' | 'client_key' | 'basic' | 'access_token' | 'jwt'
  readonly status: 'active' | 'disabled' | 'quarantined' | 'revoked' | 'expired' | 'not_yet_valid'
  /** Why it was disabled, quarantined or revoked. */
  readonly reason: string | null
  readonly name: string | null
  readonly principal: {
    /** Made by Credence; never changes. */
    readonly id: string
    readonly name: string
    readonly type: 'application' | 'service' | 'user'
    readonly external_id: string | null
  }
  readonly grants: readonly Grant[]
  readonly key_prefix: string
  /** Of kind `basic`; else null. */
  readonly username: string | null
  /** Of kinds `client_secret` and `client_key`: its principal's, one for all of them; else null. */
  readonly client_id: string | null
  readonly created_at: string
  readonly updated_at: string
  readonly not_before: string | null
  readonly expires_at: string | null
  /** When it may be used; every member that is not null must hold. */
  readonly conditions: Conditions | null
  readonly binding: {
    readonly type: 'dpop' | 'mtls' | 'signature'
    readonly jwk_thumbprint?: string
    readonly certificate_thumbprint?: string
    /** A public key (RFC 7517) of kind EC, OKP or RSA. */
    readonly jwk?: Readonly<Record<string, unknown>>
  } | null
  readonly limits: readonly Limit[]
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: readonly string[]
  /** The credential that issued this one. */
  readonly issued_by: string | null
  /** Of an access token: the credential that it came from, or the trusted issuer whose token that was, and where its use is counted. */
  readonly parent: string | null
  readonly revision: number
  readonly versions: readonly SecretVersion[]
  /** Every decision about this credential once its secret was proven, refusals included. */
  readonly usage: {
    readonly first_used_at: string | null
    readonly last_used_at: string | null
    readonly by_code: Readonly<Record<string, number>>
  }
}

export type IssuedCredential = {
  readonly credential: Credential
  /** The key, client secret or generated password, shown this once. Null in a replay, for a password that was in the request, and of kind `client_key`, which has none. */
  readonly secret: string | null
  /** True: an earlier request with this Idempotency-Key was given the secret. */
  readonly secret_shown: boolean
}

export type RevokedCredential = {
  readonly credential: Credential
  readonly propagation: {
    /** Nodes of this installation. */
    readonly nodes: number
    /** Nodes that refuse it already. */
    readonly confirmed: number
    /** Milliseconds until they did. */
    readonly after_ms: number
    /** After so many milliseconds no node accepts it any more. */
    readonly bound_ms: number
  }
}

export type Verdict = {
  readonly valid: boolean
  readonly code: VerdictCode
  /** Why, for the operator of the API. Never there while the secret is unproven. */
  readonly detail?: string
  readonly credential: {
    /** Made by Credence; never changes. */
    readonly id: string
    readonly kind: 'api_key' | 'client_secret' | 'client_key' | 'basic' | 'access_token' | 'jwt'
    readonly name: string | null
    readonly version: number
    readonly tags: readonly string[]
    readonly metadata: Readonly<Record<string, string>>
    readonly expires_at: string | null
  } | null
  readonly principal: {
    /** Made by Credence; never changes. */
    readonly id: string
    readonly name: string
    readonly type: 'application' | 'service' | 'user'
    readonly external_id: string | null
    readonly metadata: Readonly<Record<string, string>>
  } | null
  /** What the credential may do at this API. */
  readonly scopes: readonly string[]
  /** The scope expression that was needed. */
  readonly required: string | null
  /** Those that applied, tightest first. */
  readonly limits: readonly {
    readonly name: string
    readonly owner: 'credential' | 'principal' | 'api'
    readonly type: 'rate' | 'quota' | 'credits'
    readonly limit: number
    readonly remaining: number
    readonly reset_seconds: number | null
    /** Of the window or the period, for RateLimit-Policy; null for credits. */
    readonly window_seconds: number | null
  }[]
  readonly retry_after_seconds: number | null
  /** The store is gone and the API goes on without it: what was known may be out of date by so much, beyond the bound. */
  readonly stale_seconds: number | null
  /** For WWW-Authenticate. */
  readonly challenge: string | null
  /** For DPoP-Nonce (RFC 9449), whether or not the request may pass. */
  readonly dpop_nonce: string | null
  /** HTTP status to answer the caller with. */
  readonly status: number
  /** For `credence why`. */
  readonly request_id: string
}

export type Decision = {
  readonly request_id: string
  readonly at: string
  readonly via: 'gateway' | 'forward-auth' | 'verify' | 'token' | 'admin'
  /** The exact one: BAD_SECRET is told apart here, and only here. */
  readonly code: VerdictCode
  readonly method: string | null
  readonly path: string | null
  readonly api: {
    /** Made by Credence; never changes. */
    readonly id: string
    readonly name: string
  } | null
  readonly route: string | null
  readonly public: boolean
  readonly credential: {
    /** Made by Credence; never changes. */
    readonly id: string
    readonly kind: string
    readonly name: string | null
    readonly version: number | null
  } | null
  readonly principal: {
    /** Made by Credence; never changes. */
    readonly id: string
    readonly name: string
  } | null
  readonly ip: string | null
  readonly duration_ms: number
  /** In the order in which they run. */
  readonly checks: readonly {
    readonly name:
      | 'proxy'
      | 'request'
      | 'route'
      | 'tls'
      | 'extract'
      | 'kind'
      | 'secret'
      | 'state'
      | 'time'
      | 'audience'
      | 'binding'
      | 'conditions'
      | 'scopes'
      | 'limits'
    readonly outcome: 'passed' | 'failed' | 'not_run'
    readonly detail?: string
  }[]
  readonly required: string | null
  readonly has: readonly string[]
  /** A command or a sentence: what would let it pass. */
  readonly to_allow: string | null
}

export type AuditEntry = {
  /** Of the change in the feed. */
  readonly position: number
  readonly at: string
  readonly action: string
  readonly target: {
    readonly type: 'workspace' | 'api' | 'role' | 'principal' | 'credential' | 'issuer' | 'signing_key'
    readonly id: string
  }
  /** Null: the host itself (first start, recovery). */
  readonly actor: {
    readonly credential: string
    readonly principal: string | null
  } | null
  readonly request_id: string | null
  readonly ip: string | null
  readonly detail: Readonly<Record<string, unknown>>
  /** SHA-256 over the hash before and this entry. */
  readonly hash: string
}

export type Status = {
  readonly version: string
  readonly node: string
  /** Which worker of this node answers here. Null: the node is one process. */
  readonly worker: number | null
  /** How many processes of this node answer requests. */
  readonly workers: number
  /** How many of them answered when this was asked. */
  readonly workers_answering: number
  readonly ready: boolean
  readonly store: {
    readonly name: string
    readonly schema: number
  }
  readonly feed: {
    /** The newest change that this node has seen. */
    readonly position: number
    /** Since the feed was last confirmed. Null: not yet. */
    readonly lag_ms: number | null
    /** After so long without it, records are read from the store. */
    readonly bound_ms: number
  }
  readonly usage: {
    /** Entries that wait for the next flush. */
    readonly queued: number
    /** Uses that were not counted since the start. */
    readonly dropped: number
  }
  readonly limits: {
    readonly counted_by: 'process' | 'primary' | 'valkey'
    /** Whoever counts for all is lost: this process counts its share alone. */
    readonly degraded: boolean
    /** Requests that were decided so since the start. */
    readonly decided_alone: number
  }
  readonly uptime_seconds: number
  readonly listeners: readonly {
    readonly name: 'api' | 'gateway' | 'admin' | 'ops'
    readonly host: string
    readonly port: number
  }[]
  /** Nodes that gave a sign of life in the last seconds. */
  readonly nodes: number
  /** Every process of every node, as of its last sign of life, a second ago or so. */
  readonly processes: readonly {
    readonly node: string
    /** Null: the node is one process. */
    readonly worker: number | null
    readonly version: string
    /** RFC 3339. */
    readonly started_at: string
    readonly position: number
    readonly feed_lag_ms: number | null
    /** It does what only one process does: sweeps, retention. */
    readonly leader: boolean
  }[]
  readonly counts: {
    /** Of your workspace. */
    readonly apis: number
  }
}

/** What each operation takes and answers; null: nothing. */
export interface Operations {
  /** Create a workspace */
  readonly createWorkspace: {
    readonly params: null
    readonly query: null
    readonly body: {
      /** Unique in its workspace; accepted wherever the id is. */
      readonly name: string
      /** Of the keys issued there. */
      readonly prefix?: string
    }
    readonly answer: {
      readonly workspace: Workspace
      readonly admin_key: IssuedCredential
    }
  }
  /** List the workspaces */
  readonly listWorkspaces: {
    readonly params: null
    readonly query: {
      /** Items per page, 1 to 100; 50 when left out. */
      readonly limit?: number
      /** `next_cursor` of the page before. */
      readonly cursor?: string
    }
    readonly body: null
    readonly answer: {
      readonly items: readonly Workspace[]
      /** Null: this was the last page. */
      readonly next_cursor: string | null
    }
  }
  /** Show a workspace */
  readonly showWorkspace: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: null
    readonly answer: Workspace
  }
  /** Change a workspace */
  readonly updateWorkspace: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: {
      /** Unique in its workspace; accepted wherever the id is. */
      readonly name?: string
      /** Of the keys issued there. */
      readonly prefix?: string
    }
    readonly answer: Workspace
  }
  /** Delete a workspace */
  readonly deleteWorkspace: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: null
    readonly answer: null
  }
  /** Create an API */
  readonly createApi: {
    readonly params: null
    readonly query: null
    readonly body: {
      /** Unique in its workspace; accepted wherever the id is. */
      readonly name: string
      /** Resource indicator (RFC 8707): a URI without fragment, unique in the workspace. */
      readonly audience: string
      /** Left out: those that the routes name. */
      readonly scopes?: readonly string[]
      /** Where the gateway forwards to: scheme, host and port. */
      readonly upstream?: string | null
      /** Host that the gateway mounts it at; null: any. */
      readonly host?: string | null
      /** Path that the gateway mounts it at; the longest wins. */
      readonly base_path?: string
      /** Forward without the base path. */
      readonly strip_base_path?: boolean
      /** What no route covers is denied. */
      readonly routes?: readonly {
        readonly method: string
        readonly path: string
        /** An expression such as `orders:read AND (eu OR us)`, or a list of which all are needed. Null: any credential of this API. */
        readonly scopes?: string | readonly string[] | null
        /** True: nobody is asked who they are. */
        readonly public?: boolean
        readonly accepts?:
          | readonly ('api_key' | 'client_secret' | 'client_key' | 'basic' | 'access_token' | 'jwt')[]
          | null
        /** What one request takes from the limits; 1. */
        readonly cost?: number
      }[]
      readonly accepts?: readonly (
        | 'api_key'
        | 'client_secret'
        | 'client_key'
        | 'basic'
        | 'access_token'
        | 'jwt'
      )[]
      readonly cors?: {
        readonly origins: readonly string[]
      } | null
      readonly requires_tls?: boolean
      /** Takes credentials alone that are bound to a key, beside its proof. */
      readonly requires_binding?: boolean
      /** True: gateway and forward-auth tell who is calling by a short-lived JWT in `X-Credence-Identity`, which the upstream verifies by `/.well-known/jwks.json`, instead of by plain headers. Needs CREDENCE_PUBLIC_URL. */
      readonly identity_token?: boolean
      /** Of its credentials. */
      readonly max_lifetime_seconds?: number | null
      readonly key_prefix?: string | null
      /** Unsafe: URLs end up in logs. A query parameter in which a key is accepted. */
      readonly query_parameter?: string | null
      /** One more header that may hold a key. */
      readonly credential_header?: string | null
      readonly limits?: readonly Limit[]
      /** While the store is gone: how long those who are known are still served, beyond the revocation bound. 0: not at all. */
      readonly outage_grace_seconds?: number
      /** True: over several nodes exactly as many pass as the limits say, and each request waits for one answer more. */
      readonly exact_limits?: boolean
      /** The operator's own; handed on in verdicts, never interpreted. */
      readonly metadata?: Readonly<Record<string, string>>
    }
    readonly answer: Api
  }
  /** List the APIs */
  readonly listApis: {
    readonly params: null
    readonly query: {
      /** Items per page, 1 to 100; 50 when left out. */
      readonly limit?: number
      /** `next_cursor` of the page before. */
      readonly cursor?: string
      readonly name?: string
    }
    readonly body: null
    readonly answer: {
      readonly items: readonly Api[]
      /** Null: this was the last page. */
      readonly next_cursor: string | null
    }
  }
  /** Show an API */
  readonly showApi: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: null
    readonly answer: Api
  }
  /** Change an API */
  readonly updateApi: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: {
      /** Resource indicator (RFC 8707): a URI without fragment, unique in the workspace. */
      readonly audience?: string
      /** Left out: those that the routes name. */
      readonly scopes?: readonly string[]
      /** Where the gateway forwards to: scheme, host and port. */
      readonly upstream?: string | null
      /** Host that the gateway mounts it at; null: any. */
      readonly host?: string | null
      /** Path that the gateway mounts it at; the longest wins. */
      readonly base_path?: string
      /** Forward without the base path. */
      readonly strip_base_path?: boolean
      /** What no route covers is denied. */
      readonly routes?: readonly {
        readonly method: string
        readonly path: string
        /** An expression such as `orders:read AND (eu OR us)`, or a list of which all are needed. Null: any credential of this API. */
        readonly scopes?: string | readonly string[] | null
        /** True: nobody is asked who they are. */
        readonly public?: boolean
        readonly accepts?:
          | readonly ('api_key' | 'client_secret' | 'client_key' | 'basic' | 'access_token' | 'jwt')[]
          | null
        /** What one request takes from the limits; 1. */
        readonly cost?: number
      }[]
      readonly accepts?: readonly (
        | 'api_key'
        | 'client_secret'
        | 'client_key'
        | 'basic'
        | 'access_token'
        | 'jwt'
      )[]
      readonly cors?: {
        readonly origins: readonly string[]
      } | null
      readonly requires_tls?: boolean
      /** Takes credentials alone that are bound to a key, beside its proof. */
      readonly requires_binding?: boolean
      /** True: gateway and forward-auth tell who is calling by a short-lived JWT in `X-Credence-Identity`, which the upstream verifies by `/.well-known/jwks.json`, instead of by plain headers. Needs CREDENCE_PUBLIC_URL. */
      readonly identity_token?: boolean
      /** Of its credentials. */
      readonly max_lifetime_seconds?: number | null
      readonly key_prefix?: string | null
      /** Unsafe: URLs end up in logs. A query parameter in which a key is accepted. */
      readonly query_parameter?: string | null
      /** One more header that may hold a key. */
      readonly credential_header?: string | null
      readonly limits?: readonly Limit[]
      /** While the store is gone: how long those who are known are still served, beyond the revocation bound. 0: not at all. */
      readonly outage_grace_seconds?: number
      /** True: over several nodes exactly as many pass as the limits say, and each request waits for one answer more. */
      readonly exact_limits?: boolean
      /** The operator's own; handed on in verdicts, never interpreted. */
      readonly metadata?: Readonly<Record<string, string>>
    }
    readonly answer: Api
  }
  /** Delete an API */
  readonly deleteApi: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: null
    readonly answer: null
  }
  /** Create a principal */
  readonly createPrincipal: {
    readonly params: null
    readonly query: null
    readonly body: {
      /** Unique in its workspace; must not look like an id. */
      readonly name: string
      /** An application is software that others run or register, a service is the own workload, a user a person or customer. */
      readonly type: 'application' | 'service' | 'user'
      /** The operator's own id of it; handed on in every verdict. */
      readonly external_id?: string | null
      /** Who is responsible. */
      readonly owner?: string | null
      /** Whom to reach when a credential leaks. */
      readonly contact?: string | null
      readonly ceiling?: readonly GrantInput[] | null
      readonly limits?: readonly Limit[]
      /** The operator's own; handed on in verdicts, never interpreted. */
      readonly metadata?: Readonly<Record<string, string>>
      /** True switches all of its credentials off. */
      readonly disabled?: boolean
    }
    readonly answer: Principal
  }
  /** List the principals */
  readonly listPrincipals: {
    readonly params: null
    readonly query: {
      /** Items per page, 1 to 100; 50 when left out. */
      readonly limit?: number
      /** `next_cursor` of the page before. */
      readonly cursor?: string
      readonly name?: string
      readonly external_id?: string
      /** An application is software that others run or register, a service is the own workload, a user a person or customer. */
      readonly type?: 'application' | 'service' | 'user'
    }
    readonly body: null
    readonly answer: {
      readonly items: readonly Principal[]
      /** Null: this was the last page. */
      readonly next_cursor: string | null
    }
  }
  /** Show a principal */
  readonly showPrincipal: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: null
    readonly answer: Principal
  }
  /** Change a principal */
  readonly updatePrincipal: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: {
      /** Unique in its workspace; must not look like an id. */
      readonly name?: string
      /** An application is software that others run or register, a service is the own workload, a user a person or customer. */
      readonly type?: 'application' | 'service' | 'user'
      /** The operator's own id of it; handed on in every verdict. */
      readonly external_id?: string | null
      /** Who is responsible. */
      readonly owner?: string | null
      /** Whom to reach when a credential leaks. */
      readonly contact?: string | null
      readonly ceiling?: readonly GrantInput[] | null
      readonly limits?: readonly Limit[]
      /** The operator's own; handed on in verdicts, never interpreted. */
      readonly metadata?: Readonly<Record<string, string>>
      /** True switches all of its credentials off. */
      readonly disabled?: boolean
    }
    readonly answer: Principal
  }
  /** Delete a principal */
  readonly deletePrincipal: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: null
    readonly answer: null
  }
  /** Create a role */
  readonly createRole: {
    readonly params: null
    readonly query: null
    readonly body: {
      /** Unique in its workspace; accepted wherever the id is. */
      readonly name: string
      /** An id or a name. */
      readonly api: string
      readonly scopes: readonly string[]
    }
    readonly answer: Role
  }
  /** List the roles */
  readonly listRoles: {
    readonly params: null
    readonly query: {
      /** Items per page, 1 to 100; 50 when left out. */
      readonly limit?: number
      /** `next_cursor` of the page before. */
      readonly cursor?: string
      /** An id or a name. */
      readonly api?: string
      readonly name?: string
    }
    readonly body: null
    readonly answer: {
      readonly items: readonly Role[]
      /** Null: this was the last page. */
      readonly next_cursor: string | null
    }
  }
  /** Show a role */
  readonly showRole: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: null
    readonly answer: Role
  }
  /** Change a role */
  readonly updateRole: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: {
      /** Unique in its workspace; accepted wherever the id is. */
      readonly name?: string
      readonly scopes?: readonly string[]
    }
    readonly answer: Role
  }
  /** Delete a role */
  readonly deleteRole: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: null
    readonly answer: null
  }
  /** Issue a credential */
  readonly issueCredential: {
    readonly params: null
    readonly query: null
    readonly body: {
      readonly kind: 'api_key' | 'client_secret' | 'client_key' | 'basic'
      /** An id or a name. */
      readonly api?: string
      readonly scopes?: readonly string[]
      readonly roles?: readonly string[]
      /** One for each API. */
      readonly grants?: readonly GrantInput[]
      /** By name or id. A name that nobody has becomes a new application. */
      readonly principal: string
      /** Your own id, given to the principal when it is made. */
      readonly external_id?: string
      /** Of kind `basic`: unique in the workspace, without `:` or spaces, and not beginning with `cli_`. */
      readonly username?: string
      /** Of kind `basic`: 15 to 256 characters, on no list of common passwords. Left out: one is generated, and returned as `secret`. */
      readonly password?: string
      readonly name?: string | null
      /** RFC 3339. */
      readonly not_before?: string | null
      /** RFC 3339. */
      readonly expires_at?: string | null
      readonly limits?: readonly Limit[]
      /** When it may be used; every member that is not null must hold. */
      readonly conditions?: Conditions | null
      /** The key without whose proof the credential is worth nothing: a DPoP proof (RFC 9449), the client certificate of the connection (RFC 8705), or a signature of the request (RFC 9421). Null: none. Of kind `client_key` it is the credential itself: `mtls`, or `signature` with the key that signs client assertions (RFC 7523). */
      readonly binding?: {
        readonly type: 'dpop' | 'mtls' | 'signature'
        /** For `dpop`: SHA-256 of the key (RFC 7638), base64url. */
        readonly jwk_thumbprint?: string
        /** A public key (RFC 7517) of kind EC, OKP or RSA. */
        readonly jwk?: Readonly<Record<string, unknown>>
        /** For `mtls`: SHA-256 of the DER (RFC 8705), base64url. */
        readonly certificate_thumbprint?: string
        /** For `mtls`, instead: PEM, or DER in base64. */
        readonly certificate?: string
      } | null
      /** The operator's own; handed on in verdicts, never interpreted. */
      readonly metadata?: Readonly<Record<string, string>>
      readonly tags?: readonly string[]
    }
    readonly answer: IssuedCredential
  }
  /** List the credentials */
  readonly listCredentials: {
    readonly params: null
    readonly query: {
      /** Items per page, 1 to 100; 50 when left out. */
      readonly limit?: number
      /** `next_cursor` of the page before. */
      readonly cursor?: string
      /** An id or a name. */
      readonly principal?: string
      /** An id or a name. */
      readonly api?: string
      readonly kind?: 'api_key' | 'client_secret' | 'client_key' | 'basic' | 'access_token' | 'jwt'
      readonly status?: 'active' | 'disabled' | 'quarantined' | 'revoked' | 'expired' | 'not_yet_valid'
      readonly tag?: string
      /** RFC 3339. */
      readonly expires_before?: string
      /** Access tokens that came from this credential, or from tokens of this trusted issuer. */
      readonly parent?: string
    }
    readonly body: null
    readonly answer: {
      readonly items: readonly Credential[]
      /** Null: this was the last page. */
      readonly next_cursor: string | null
    }
  }
  /** Show a credential */
  readonly showCredential: {
    readonly params: {
      /** The credential's id. */
      readonly id: string
    }
    readonly query: null
    readonly body: null
    readonly answer: Credential
  }
  /** Change a credential */
  readonly updateCredential: {
    readonly params: {
      /** The credential's id. */
      readonly id: string
    }
    readonly query: null
    readonly body: {
      /** An id or a name. */
      readonly api?: string
      readonly add_scopes?: readonly string[]
      readonly remove_scopes?: readonly string[]
      /** One for each API. */
      readonly grants?: readonly GrantInput[]
      readonly name?: string | null
      /** RFC 3339. */
      readonly not_before?: string | null
      /** RFC 3339. */
      readonly expires_at?: string | null
      readonly limits?: readonly Limit[]
      /** When it may be used; every member that is not null must hold. */
      readonly conditions?: Conditions | null
      /** The key without whose proof the credential is worth nothing: a DPoP proof (RFC 9449), the client certificate of the connection (RFC 8705), or a signature of the request (RFC 9421). Null: none. Of kind `client_key` it is the credential itself: `mtls`, or `signature` with the key that signs client assertions (RFC 7523). */
      readonly binding?: {
        readonly type: 'dpop' | 'mtls' | 'signature'
        /** For `dpop`: SHA-256 of the key (RFC 7638), base64url. */
        readonly jwk_thumbprint?: string
        /** A public key (RFC 7517) of kind EC, OKP or RSA. */
        readonly jwk?: Readonly<Record<string, unknown>>
        /** For `mtls`: SHA-256 of the DER (RFC 8705), base64url. */
        readonly certificate_thumbprint?: string
        /** For `mtls`, instead: PEM, or DER in base64. */
        readonly certificate?: string
      } | null
      /** The operator's own; handed on in verdicts, never interpreted. */
      readonly metadata?: Readonly<Record<string, string>>
      readonly tags?: readonly string[]
    }
    readonly answer: Credential
  }
  /** Delete a credential */
  readonly deleteCredential: {
    readonly params: {
      /** The credential's id. */
      readonly id: string
    }
    readonly query: null
    readonly body: null
    readonly answer: null
  }
  /** Rotate a credential */
  readonly rotateCredential: {
    readonly params: {
      /** The credential's id. */
      readonly id: string
    }
    readonly query: null
    readonly body: {
      /** How long the secrets before go on; 0 when left out. */
      readonly overlap_seconds?: number
      /** Of kind `basic`: 15 to 256 characters, on no list of common passwords. Left out: one is generated, and returned as `secret`. */
      readonly password?: string
    }
    readonly answer: IssuedCredential
  }
  /** Revoke a credential */
  readonly revokeCredential: {
    readonly params: {
      /** The credential's id. */
      readonly id: string
    }
    readonly query: null
    readonly body: {
      readonly reason?: string | null
    }
    readonly answer: RevokedCredential
  }
  /** Disable a credential */
  readonly disableCredential: {
    readonly params: {
      /** The credential's id. */
      readonly id: string
    }
    readonly query: null
    readonly body: {
      readonly reason?: string | null
    }
    readonly answer: {
      readonly credential: Credential
    }
  }
  /** Enable a credential */
  readonly enableCredential: {
    readonly params: {
      /** The credential's id. */
      readonly id: string
    }
    readonly query: null
    readonly body: Readonly<Record<string, never>>
    readonly answer: {
      readonly credential: Credential
    }
  }
  /** Revoke one version of the secret */
  readonly revokeCredentialVersion: {
    readonly params: {
      /** The credential's id. */
      readonly id: string
      /** 1, 2, 3 … */
      readonly version: number
    }
    readonly query: null
    readonly body: {
      readonly reason?: string | null
    }
    readonly answer: RevokedCredential
  }
  /** Trust an issuer */
  readonly createIssuer: {
    readonly params: null
    readonly query: null
    readonly body: {
      /** Unique in its workspace; accepted wherever the id is. */
      readonly name: string
      /** `iss` of its tokens, character for character. */
      readonly issuer: string
      /** What `aud` of its tokens is, or holds. */
      readonly audience: string
      /** The algorithms that count; whatever a token says only chooses among them. */
      readonly algorithms: readonly (
        | 'ES256'
        | 'ES384'
        | 'ES512'
        | 'RS256'
        | 'RS384'
        | 'RS512'
        | 'PS256'
        | 'PS384'
        | 'PS512'
        | 'EdDSA'
        | 'Ed25519'
        | 'HS256'
        | 'HS384'
        | 'HS512'
      )[]
      /** An id or a name. */
      readonly api: string
      /** A JWK set (RFC 7517): public keys, or the secrets of HS algorithms. */
      readonly jwks?: {
        readonly keys: readonly Readonly<Record<string, unknown>>[]
      }
      readonly jwks_uri?: string
      /** URL of the discovery document, or true: `{issuer}/.well-known/openid-configuration`. */
      readonly discovery?: string | boolean
      /** Keys by which its tokens (JWE) are decrypted: those that are made, given and kept. Null: none. */
      readonly decryption?: {
        /** Make a key pair for this algorithm. Its public half is in the answer, for the issuer. */
        readonly generate?: 'ECDH-ES+A256KW' | 'ECDH-ES+A128KW' | 'ECDH-ES' | 'RSA-OAEP-256'
        /** Private keys or secrets, each with its `kid` and `alg`. Never shown again. */
        readonly jwks?: {
          readonly keys: readonly Readonly<Record<string, unknown>>[]
        }
        /** `kid` of keys that the issuer has and that stay; every other one goes. */
        readonly keep?: readonly string[]
        /** What `enc` may say; left out: all that there are. */
        readonly encryptions?: readonly ('A128GCM' | 'A256GCM' | 'A128CBC-HS256' | 'A256CBC-HS512')[]
      } | null
      /** Who calls, and what they may do. Left out: `sub` is the name or external id of the principal, `scope` its scopes. */
      readonly claims?: {
        /** A claim's name, or a JSON Pointer to one inside another. */
        readonly principal?: string
        readonly principal_prefix?: string
        /** The claim that holds the scopes, or a list: the same scopes for every token. */
        readonly scopes?: string | readonly string[]
        readonly scopes_prefix?: string
        /** Claims that must be there, each with the values that will do. */
        readonly required?: Readonly<Record<string, readonly (string | number | boolean)[]>>
      }
      /** What `typ` must say; null: nothing, `JWT` or `at+jwt`. */
      readonly types?: readonly string[] | null
      readonly clock_skew_seconds?: number
      /** How long after `iat` a token counts at most. */
      readonly max_age_seconds?: number | null
      /** When it may be used; every member that is not null must hold. */
      readonly conditions?: Conditions | null
      readonly limits?: readonly Limit[]
    }
    readonly answer: {
      /** Made by Credence; never changes. */
      readonly id: string
      /** Unique in its workspace; accepted wherever the id is. */
      readonly name: string
      /** `iss` of its tokens, character for character. */
      readonly issuer: string
      /** What `aud` of its tokens is, or holds. */
      readonly audience: string
      /** The algorithms that count; whatever a token says only chooses among them. */
      readonly algorithms: readonly (
        | 'ES256'
        | 'ES384'
        | 'ES512'
        | 'RS256'
        | 'RS384'
        | 'RS512'
        | 'PS256'
        | 'PS384'
        | 'PS512'
        | 'EdDSA'
        | 'Ed25519'
        | 'HS256'
        | 'HS384'
        | 'HS512'
      )[]
      /** Name of the API that trusts it. */
      readonly api: string
      /** Made by Credence; never changes. */
      readonly api_id: string
      /** A JWK set (RFC 7517): public keys, or the secrets of HS algorithms. */
      readonly jwks: {
        readonly keys: readonly Readonly<Record<string, unknown>>[]
      } | null
      readonly jwks_uri: string | null
      readonly discovery: string | null
      readonly decryption: {
        /** Public keys to encrypt with; of secrets, which they are. */
        readonly jwks: {
          readonly keys: readonly Readonly<Record<string, unknown>>[]
        }
        /** What `enc` may say; left out: all that there are. */
        readonly encryptions: readonly ('A128GCM' | 'A256GCM' | 'A128CBC-HS256' | 'A256CBC-HS512')[]
      } | null
      readonly claims: {
        readonly principal: string
        readonly principal_prefix: string
        /** The claim that holds the scopes, or a list: the same scopes for every token. */
        readonly scopes: string | readonly string[]
        readonly scopes_prefix: string
        /** Claims that must be there, each with the values that will do. */
        readonly required: Readonly<Record<string, readonly (string | number | boolean)[]>>
      }
      /** What `typ` must say; null: nothing, `JWT` or `at+jwt`. */
      readonly types: readonly string[] | null
      readonly clock_skew_seconds: number
      /** How long after `iat` a token counts at most. */
      readonly max_age_seconds: number | null
      /** When it may be used; every member that is not null must hold. */
      readonly conditions: Conditions | null
      readonly limits: readonly Limit[]
      readonly disabled: boolean
      readonly revoked_before: string | null
      readonly revoked_tokens: readonly {
        readonly jti: string
        readonly expires_at: string | null
        readonly reason: string | null
      }[]
      readonly revoked_principals: readonly {
        /** Made by Credence; never changes. */
        readonly principal_id: string
        readonly before: string
        readonly reason: string | null
      }[]
      /** RFC 3339. */
      readonly created_at: string
      /** RFC 3339. */
      readonly updated_at: string
      readonly revision: number
    }
  }
  /** List the issuers */
  readonly listIssuers: {
    readonly params: null
    readonly query: {
      /** Items per page, 1 to 100; 50 when left out. */
      readonly limit?: number
      /** `next_cursor` of the page before. */
      readonly cursor?: string
      /** An id or a name. */
      readonly api?: string
      readonly name?: string
    }
    readonly body: null
    readonly answer: {
      readonly items: readonly {
        /** Made by Credence; never changes. */
        readonly id: string
        /** Unique in its workspace; accepted wherever the id is. */
        readonly name: string
        /** `iss` of its tokens, character for character. */
        readonly issuer: string
        /** What `aud` of its tokens is, or holds. */
        readonly audience: string
        /** The algorithms that count; whatever a token says only chooses among them. */
        readonly algorithms: readonly (
          | 'ES256'
          | 'ES384'
          | 'ES512'
          | 'RS256'
          | 'RS384'
          | 'RS512'
          | 'PS256'
          | 'PS384'
          | 'PS512'
          | 'EdDSA'
          | 'Ed25519'
          | 'HS256'
          | 'HS384'
          | 'HS512'
        )[]
        /** Name of the API that trusts it. */
        readonly api: string
        /** Made by Credence; never changes. */
        readonly api_id: string
        /** A JWK set (RFC 7517): public keys, or the secrets of HS algorithms. */
        readonly jwks: {
          readonly keys: readonly Readonly<Record<string, unknown>>[]
        } | null
        readonly jwks_uri: string | null
        readonly discovery: string | null
        readonly decryption: {
          /** Public keys to encrypt with; of secrets, which they are. */
          readonly jwks: {
            readonly keys: readonly Readonly<Record<string, unknown>>[]
          }
          /** What `enc` may say; left out: all that there are. */
          readonly encryptions: readonly ('A128GCM' | 'A256GCM' | 'A128CBC-HS256' | 'A256CBC-HS512')[]
        } | null
        readonly claims: {
          readonly principal: string
          readonly principal_prefix: string
          /** The claim that holds the scopes, or a list: the same scopes for every token. */
          readonly scopes: string | readonly string[]
          readonly scopes_prefix: string
          /** Claims that must be there, each with the values that will do. */
          readonly required: Readonly<Record<string, readonly (string | number | boolean)[]>>
        }
        /** What `typ` must say; null: nothing, `JWT` or `at+jwt`. */
        readonly types: readonly string[] | null
        readonly clock_skew_seconds: number
        /** How long after `iat` a token counts at most. */
        readonly max_age_seconds: number | null
        /** When it may be used; every member that is not null must hold. */
        readonly conditions: Conditions | null
        readonly limits: readonly Limit[]
        readonly disabled: boolean
        readonly revoked_before: string | null
        readonly revoked_tokens: readonly {
          readonly jti: string
          readonly expires_at: string | null
          readonly reason: string | null
        }[]
        readonly revoked_principals: readonly {
          /** Made by Credence; never changes. */
          readonly principal_id: string
          readonly before: string
          readonly reason: string | null
        }[]
        /** RFC 3339. */
        readonly created_at: string
        /** RFC 3339. */
        readonly updated_at: string
        readonly revision: number
      }[]
      /** Null: this was the last page. */
      readonly next_cursor: string | null
    }
  }
  /** Show an issuer */
  readonly showIssuer: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: null
    readonly answer: {
      /** Made by Credence; never changes. */
      readonly id: string
      /** Unique in its workspace; accepted wherever the id is. */
      readonly name: string
      /** `iss` of its tokens, character for character. */
      readonly issuer: string
      /** What `aud` of its tokens is, or holds. */
      readonly audience: string
      /** The algorithms that count; whatever a token says only chooses among them. */
      readonly algorithms: readonly (
        | 'ES256'
        | 'ES384'
        | 'ES512'
        | 'RS256'
        | 'RS384'
        | 'RS512'
        | 'PS256'
        | 'PS384'
        | 'PS512'
        | 'EdDSA'
        | 'Ed25519'
        | 'HS256'
        | 'HS384'
        | 'HS512'
      )[]
      /** Name of the API that trusts it. */
      readonly api: string
      /** Made by Credence; never changes. */
      readonly api_id: string
      /** A JWK set (RFC 7517): public keys, or the secrets of HS algorithms. */
      readonly jwks: {
        readonly keys: readonly Readonly<Record<string, unknown>>[]
      } | null
      readonly jwks_uri: string | null
      readonly discovery: string | null
      readonly decryption: {
        /** Public keys to encrypt with; of secrets, which they are. */
        readonly jwks: {
          readonly keys: readonly Readonly<Record<string, unknown>>[]
        }
        /** What `enc` may say; left out: all that there are. */
        readonly encryptions: readonly ('A128GCM' | 'A256GCM' | 'A128CBC-HS256' | 'A256CBC-HS512')[]
      } | null
      readonly claims: {
        readonly principal: string
        readonly principal_prefix: string
        /** The claim that holds the scopes, or a list: the same scopes for every token. */
        readonly scopes: string | readonly string[]
        readonly scopes_prefix: string
        /** Claims that must be there, each with the values that will do. */
        readonly required: Readonly<Record<string, readonly (string | number | boolean)[]>>
      }
      /** What `typ` must say; null: nothing, `JWT` or `at+jwt`. */
      readonly types: readonly string[] | null
      readonly clock_skew_seconds: number
      /** How long after `iat` a token counts at most. */
      readonly max_age_seconds: number | null
      /** When it may be used; every member that is not null must hold. */
      readonly conditions: Conditions | null
      readonly limits: readonly Limit[]
      readonly disabled: boolean
      readonly revoked_before: string | null
      readonly revoked_tokens: readonly {
        readonly jti: string
        readonly expires_at: string | null
        readonly reason: string | null
      }[]
      readonly revoked_principals: readonly {
        /** Made by Credence; never changes. */
        readonly principal_id: string
        readonly before: string
        readonly reason: string | null
      }[]
      /** RFC 3339. */
      readonly created_at: string
      /** RFC 3339. */
      readonly updated_at: string
      readonly revision: number
    }
  }
  /** Change an issuer */
  readonly updateIssuer: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: {
      /** Unique in its workspace; accepted wherever the id is. */
      readonly name?: string
      /** `iss` of its tokens, character for character. */
      readonly issuer?: string
      /** What `aud` of its tokens is, or holds. */
      readonly audience?: string
      /** The algorithms that count; whatever a token says only chooses among them. */
      readonly algorithms?: readonly (
        | 'ES256'
        | 'ES384'
        | 'ES512'
        | 'RS256'
        | 'RS384'
        | 'RS512'
        | 'PS256'
        | 'PS384'
        | 'PS512'
        | 'EdDSA'
        | 'Ed25519'
        | 'HS256'
        | 'HS384'
        | 'HS512'
      )[]
      /** A JWK set (RFC 7517): public keys, or the secrets of HS algorithms. */
      readonly jwks?: {
        readonly keys: readonly Readonly<Record<string, unknown>>[]
      }
      readonly jwks_uri?: string
      /** URL of the discovery document, or true: `{issuer}/.well-known/openid-configuration`. */
      readonly discovery?: string | boolean
      /** Keys by which its tokens (JWE) are decrypted: those that are made, given and kept. Null: none. */
      readonly decryption?: {
        /** Make a key pair for this algorithm. Its public half is in the answer, for the issuer. */
        readonly generate?: 'ECDH-ES+A256KW' | 'ECDH-ES+A128KW' | 'ECDH-ES' | 'RSA-OAEP-256'
        /** Private keys or secrets, each with its `kid` and `alg`. Never shown again. */
        readonly jwks?: {
          readonly keys: readonly Readonly<Record<string, unknown>>[]
        }
        /** `kid` of keys that the issuer has and that stay; every other one goes. */
        readonly keep?: readonly string[]
        /** What `enc` may say; left out: all that there are. */
        readonly encryptions?: readonly ('A128GCM' | 'A256GCM' | 'A128CBC-HS256' | 'A256CBC-HS512')[]
      } | null
      /** Who calls, and what they may do. Left out: `sub` is the name or external id of the principal, `scope` its scopes. */
      readonly claims?: {
        /** A claim's name, or a JSON Pointer to one inside another. */
        readonly principal?: string
        readonly principal_prefix?: string
        /** The claim that holds the scopes, or a list: the same scopes for every token. */
        readonly scopes?: string | readonly string[]
        readonly scopes_prefix?: string
        /** Claims that must be there, each with the values that will do. */
        readonly required?: Readonly<Record<string, readonly (string | number | boolean)[]>>
      }
      /** What `typ` must say; null: nothing, `JWT` or `at+jwt`. */
      readonly types?: readonly string[] | null
      readonly clock_skew_seconds?: number
      /** How long after `iat` a token counts at most. */
      readonly max_age_seconds?: number | null
      /** When it may be used; every member that is not null must hold. */
      readonly conditions?: Conditions | null
      readonly limits?: readonly Limit[]
      /** True: none of its tokens count. */
      readonly disabled?: boolean
    }
    readonly answer: {
      /** Made by Credence; never changes. */
      readonly id: string
      /** Unique in its workspace; accepted wherever the id is. */
      readonly name: string
      /** `iss` of its tokens, character for character. */
      readonly issuer: string
      /** What `aud` of its tokens is, or holds. */
      readonly audience: string
      /** The algorithms that count; whatever a token says only chooses among them. */
      readonly algorithms: readonly (
        | 'ES256'
        | 'ES384'
        | 'ES512'
        | 'RS256'
        | 'RS384'
        | 'RS512'
        | 'PS256'
        | 'PS384'
        | 'PS512'
        | 'EdDSA'
        | 'Ed25519'
        | 'HS256'
        | 'HS384'
        | 'HS512'
      )[]
      /** Name of the API that trusts it. */
      readonly api: string
      /** Made by Credence; never changes. */
      readonly api_id: string
      /** A JWK set (RFC 7517): public keys, or the secrets of HS algorithms. */
      readonly jwks: {
        readonly keys: readonly Readonly<Record<string, unknown>>[]
      } | null
      readonly jwks_uri: string | null
      readonly discovery: string | null
      readonly decryption: {
        /** Public keys to encrypt with; of secrets, which they are. */
        readonly jwks: {
          readonly keys: readonly Readonly<Record<string, unknown>>[]
        }
        /** What `enc` may say; left out: all that there are. */
        readonly encryptions: readonly ('A128GCM' | 'A256GCM' | 'A128CBC-HS256' | 'A256CBC-HS512')[]
      } | null
      readonly claims: {
        readonly principal: string
        readonly principal_prefix: string
        /** The claim that holds the scopes, or a list: the same scopes for every token. */
        readonly scopes: string | readonly string[]
        readonly scopes_prefix: string
        /** Claims that must be there, each with the values that will do. */
        readonly required: Readonly<Record<string, readonly (string | number | boolean)[]>>
      }
      /** What `typ` must say; null: nothing, `JWT` or `at+jwt`. */
      readonly types: readonly string[] | null
      readonly clock_skew_seconds: number
      /** How long after `iat` a token counts at most. */
      readonly max_age_seconds: number | null
      /** When it may be used; every member that is not null must hold. */
      readonly conditions: Conditions | null
      readonly limits: readonly Limit[]
      readonly disabled: boolean
      readonly revoked_before: string | null
      readonly revoked_tokens: readonly {
        readonly jti: string
        readonly expires_at: string | null
        readonly reason: string | null
      }[]
      readonly revoked_principals: readonly {
        /** Made by Credence; never changes. */
        readonly principal_id: string
        readonly before: string
        readonly reason: string | null
      }[]
      /** RFC 3339. */
      readonly created_at: string
      /** RFC 3339. */
      readonly updated_at: string
      readonly revision: number
    }
  }
  /** Trust an issuer no longer */
  readonly deleteIssuer: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: null
    readonly answer: null
  }
  /** Revoke tokens of an issuer */
  readonly revokeTokens: {
    readonly params: {
      /** An id or a name. */
      readonly ref: string
    }
    readonly query: null
    readonly body: {
      /** One token. */
      readonly jti?: string
      /** When that token ends; it is remembered until then. */
      readonly expires_at?: string
      /** All tokens issued before this moment. */
      readonly before?: string
      /** An id or a name. */
      readonly principal?: string
      readonly reason?: string | null
    }
    readonly answer: {
      readonly issuer: {
        /** Made by Credence; never changes. */
        readonly id: string
        /** Unique in its workspace; accepted wherever the id is. */
        readonly name: string
        /** `iss` of its tokens, character for character. */
        readonly issuer: string
        /** What `aud` of its tokens is, or holds. */
        readonly audience: string
        /** The algorithms that count; whatever a token says only chooses among them. */
        readonly algorithms: readonly (
          | 'ES256'
          | 'ES384'
          | 'ES512'
          | 'RS256'
          | 'RS384'
          | 'RS512'
          | 'PS256'
          | 'PS384'
          | 'PS512'
          | 'EdDSA'
          | 'Ed25519'
          | 'HS256'
          | 'HS384'
          | 'HS512'
        )[]
        /** Name of the API that trusts it. */
        readonly api: string
        /** Made by Credence; never changes. */
        readonly api_id: string
        /** A JWK set (RFC 7517): public keys, or the secrets of HS algorithms. */
        readonly jwks: {
          readonly keys: readonly Readonly<Record<string, unknown>>[]
        } | null
        readonly jwks_uri: string | null
        readonly discovery: string | null
        readonly decryption: {
          /** Public keys to encrypt with; of secrets, which they are. */
          readonly jwks: {
            readonly keys: readonly Readonly<Record<string, unknown>>[]
          }
          /** What `enc` may say; left out: all that there are. */
          readonly encryptions: readonly ('A128GCM' | 'A256GCM' | 'A128CBC-HS256' | 'A256CBC-HS512')[]
        } | null
        readonly claims: {
          readonly principal: string
          readonly principal_prefix: string
          /** The claim that holds the scopes, or a list: the same scopes for every token. */
          readonly scopes: string | readonly string[]
          readonly scopes_prefix: string
          /** Claims that must be there, each with the values that will do. */
          readonly required: Readonly<Record<string, readonly (string | number | boolean)[]>>
        }
        /** What `typ` must say; null: nothing, `JWT` or `at+jwt`. */
        readonly types: readonly string[] | null
        readonly clock_skew_seconds: number
        /** How long after `iat` a token counts at most. */
        readonly max_age_seconds: number | null
        /** When it may be used; every member that is not null must hold. */
        readonly conditions: Conditions | null
        readonly limits: readonly Limit[]
        readonly disabled: boolean
        readonly revoked_before: string | null
        readonly revoked_tokens: readonly {
          readonly jti: string
          readonly expires_at: string | null
          readonly reason: string | null
        }[]
        readonly revoked_principals: readonly {
          /** Made by Credence; never changes. */
          readonly principal_id: string
          readonly before: string
          readonly reason: string | null
        }[]
        /** RFC 3339. */
        readonly created_at: string
        /** RFC 3339. */
        readonly updated_at: string
        readonly revision: number
      }
      readonly propagation: {
        /** Nodes of this installation. */
        readonly nodes: number
        /** Nodes that refuse them already. */
        readonly confirmed: number
        /** Milliseconds until they did. */
        readonly after_ms: number
        /** After so many milliseconds no node accepts them any more. */
        readonly bound_ms: number
      }
    }
  }
  /** List the signing keys */
  readonly listSigningKeys: {
    readonly params: null
    readonly query: null
    readonly body: null
    readonly answer: {
      /** Newest first. */
      readonly keys: readonly {
        /** The SHA-256 thumbprint of the public key (RFC 7638). */
        readonly kid: string
        readonly algorithm: 'ES256' | 'EdDSA' | 'RS256'
        /** next: published, signs later; current: signs; retired: what it signed still counts; revoked: nothing does. */
        readonly state: 'next' | 'current' | 'retired' | 'revoked'
        /** RFC 3339. */
        readonly published_at: string
        /** Since when it is in this state. */
        readonly since: string
        /** Of the next key: when it may sign at the earliest. */
        readonly signs_from: string | null
        /** Of a retired key: from then on nothing that it signed can still be alive. */
        readonly trusted_until: string | null
      }[]
    }
  }
  /** Rotate the signing keys */
  readonly rotateSigningKeys: {
    readonly params: null
    readonly query: null
    readonly body: {
      /** After a compromise: at once, and what was signed until now counts no more. */
      readonly now?: boolean
    }
    readonly answer: {
      /** Newest first. */
      readonly keys: readonly {
        /** The SHA-256 thumbprint of the public key (RFC 7638). */
        readonly kid: string
        readonly algorithm: 'ES256' | 'EdDSA' | 'RS256'
        /** next: published, signs later; current: signs; retired: what it signed still counts; revoked: nothing does. */
        readonly state: 'next' | 'current' | 'retired' | 'revoked'
        /** RFC 3339. */
        readonly published_at: string
        /** Since when it is in this state. */
        readonly since: string
        /** Of the next key: when it may sign at the earliest. */
        readonly signs_from: string | null
        /** Of a retired key: from then on nothing that it signed can still be alive. */
        readonly trusted_until: string | null
      }[]
      readonly propagation: {
        /** Nodes of this installation. */
        readonly nodes: number
        /** Nodes that act on it already. */
        readonly confirmed: number
        /** Milliseconds until they did. */
        readonly after_ms: number
        /** After so many milliseconds every node does. */
        readonly bound_ms: number
      }
    }
  }
  /** Get an access token for a credential */
  readonly issueToken: {
    readonly params: null
    readonly query: null
    readonly body: {
      /** An id or a name. */
      readonly api: string
      /** No more than the credential presented has; left out: all that it has at this API. */
      readonly scopes?: readonly string[]
      /** Seconds; 900 when left out. Cut to what the credential presented and the API's max_lifetime_seconds allow: the answer says what came of it. */
      readonly expires_in?: number
      /** `opaque` when left out: it tells nobody anything, and whoever checks it hears of a revocation. `jwt` (RFC 9068) is for upstreams that check tokens themselves, by `/.well-known/jwks.json`. */
      readonly format?: 'opaque' | 'jwt'
    }
    readonly answer: {
      /** Shown this once. Null in a replay. */
      readonly access_token: string | null
      /** How it is presented: a token that is bound to a key (RFC 9449) says DPoP. */
      readonly token_type: 'Bearer' | 'DPoP'
      /** Seconds. */
      readonly expires_in: number
      /** What it may do, space-separated; not there where that is nothing. */
      readonly scope?: string
      /** Made by Credence; never changes. */
      readonly id: string
      /** True: an earlier request with this Idempotency-Key was given the token. */
      readonly token_shown: boolean
    }
  }
  /** Show the credential presented */
  readonly showSelf: {
    readonly params: null
    readonly query: null
    readonly body: null
    readonly answer: Credential
  }
  /** Rotate the credential presented */
  readonly rotateSelf: {
    readonly params: null
    readonly query: null
    readonly body: {
      /** How long the secrets before go on; 0 when left out. */
      readonly overlap_seconds?: number
    }
    readonly answer: IssuedCredential
  }
  /** Revoke the credential presented */
  readonly revokeSelf: {
    readonly params: null
    readonly query: null
    readonly body: {
      readonly reason?: string | null
    }
    readonly answer: RevokedCredential
  }
  /** Verify a credential */
  readonly verify: {
    readonly params: null
    readonly query: null
    readonly body: {
      /** The API that was called: its name or id, or `{workspace}/{name}`. */
      readonly api: string
      /** What was presented. Left out: it is looked for in `request.headers`. */
      readonly credential?: string
      /** With method and path, the routes of the API decide what is needed. */
      readonly request?: {
        readonly method?: string
        /** With its query, as it came. */
        readonly path?: string
        /** The client's address. */
        readonly ip?: string
        readonly headers?: readonly (readonly [string, string])[] | Readonly<Record<string, string>>
        /** Whether it came over TLS; false when left out. */
        readonly secure?: boolean
        /** The absolute URI that the client called, with its query, for proofs of bound credentials (RFC 9449, RFC 9421). From your configuration, never from Host or X-Forwarded-Host of the request. */
        readonly uri?: string
        /** The client's certificate, of the connection: PEM, or DER in base64. A `Client-Cert` among the headers is not believed. */
        readonly client_certificate?: string
        /** The content in base64, where a signature covers its digest (RFC 9530). */
        readonly content?: string
      }
      /** Needed besides what the route needs: `a AND (b OR c)`. Of a list, all. */
      readonly scopes?: string | readonly string[]
      /** Taken from the limits; 0 only looks. */
      readonly cost?: number
      readonly at_least?: number | string
    }
    readonly answer: Verdict
  }
  /** List the last decisions */
  readonly listDecisions: {
    readonly params: null
    readonly query: {
      /** Items per page, 1 to 100; 50 when left out. */
      readonly limit?: number
      readonly code?: VerdictCode
      readonly credential?: string
      /** An id or a name. */
      readonly api?: string
    }
    readonly body: null
    readonly answer: {
      readonly items: readonly Decision[]
      /** Null: this was the last page. */
      readonly next_cursor: string | null
    }
  }
  /** Explain a decision */
  readonly showDecision: {
    readonly params: {
      readonly request_id: string
    }
    readonly query: null
    readonly body: null
    readonly answer: Decision
  }
  /** List the audit trail */
  readonly listAudit: {
    readonly params: null
    readonly query: {
      /** Items per page, 1 to 100; 50 when left out. */
      readonly limit?: number
      /** `next_cursor` of the page before. */
      readonly cursor?: string
    }
    readonly body: null
    readonly answer: {
      readonly items: readonly AuditEntry[]
      /** Null: this was the last page. */
      readonly next_cursor: string | null
    }
  }
  /** Show how the installation is */
  readonly showStatus: {
    readonly params: null
    readonly query: null
    readonly body: null
    readonly answer: Status
  }
}

export type OperationId = keyof Operations

/** How each operation is asked for. `repeatable`: it takes an Idempotency-Key. */
export const OPERATIONS = {
  createWorkspace: { method: 'POST', path: '/v1/workspaces', repeatable: true },
  listWorkspaces: { method: 'GET', path: '/v1/workspaces', repeatable: false },
  showWorkspace: { method: 'GET', path: '/v1/workspaces/{ref}', repeatable: false },
  updateWorkspace: { method: 'PATCH', path: '/v1/workspaces/{ref}', repeatable: false },
  deleteWorkspace: { method: 'DELETE', path: '/v1/workspaces/{ref}', repeatable: false },
  createApi: { method: 'POST', path: '/v1/apis', repeatable: true },
  listApis: { method: 'GET', path: '/v1/apis', repeatable: false },
  showApi: { method: 'GET', path: '/v1/apis/{ref}', repeatable: false },
  updateApi: { method: 'PATCH', path: '/v1/apis/{ref}', repeatable: false },
  deleteApi: { method: 'DELETE', path: '/v1/apis/{ref}', repeatable: false },
  createPrincipal: { method: 'POST', path: '/v1/principals', repeatable: true },
  listPrincipals: { method: 'GET', path: '/v1/principals', repeatable: false },
  showPrincipal: { method: 'GET', path: '/v1/principals/{ref}', repeatable: false },
  updatePrincipal: { method: 'PATCH', path: '/v1/principals/{ref}', repeatable: false },
  deletePrincipal: { method: 'DELETE', path: '/v1/principals/{ref}', repeatable: false },
  createRole: { method: 'POST', path: '/v1/roles', repeatable: true },
  listRoles: { method: 'GET', path: '/v1/roles', repeatable: false },
  showRole: { method: 'GET', path: '/v1/roles/{ref}', repeatable: false },
  updateRole: { method: 'PATCH', path: '/v1/roles/{ref}', repeatable: false },
  deleteRole: { method: 'DELETE', path: '/v1/roles/{ref}', repeatable: false },
  issueCredential: { method: 'POST', path: '/v1/credentials', repeatable: true },
  listCredentials: { method: 'GET', path: '/v1/credentials', repeatable: false },
  showCredential: { method: 'GET', path: '/v1/credentials/{id}', repeatable: false },
  updateCredential: { method: 'PATCH', path: '/v1/credentials/{id}', repeatable: false },
  deleteCredential: { method: 'DELETE', path: '/v1/credentials/{id}', repeatable: false },
  rotateCredential: { method: 'POST', path: '/v1/credentials/{id}/rotate', repeatable: true },
  revokeCredential: { method: 'POST', path: '/v1/credentials/{id}/revoke', repeatable: true },
  disableCredential: { method: 'POST', path: '/v1/credentials/{id}/disable', repeatable: true },
  enableCredential: { method: 'POST', path: '/v1/credentials/{id}/enable', repeatable: true },
  revokeCredentialVersion: {
    method: 'POST',
    path: '/v1/credentials/{id}/versions/{version}/revoke',
    repeatable: true,
  },
  createIssuer: { method: 'POST', path: '/v1/issuers', repeatable: true },
  listIssuers: { method: 'GET', path: '/v1/issuers', repeatable: false },
  showIssuer: { method: 'GET', path: '/v1/issuers/{ref}', repeatable: false },
  updateIssuer: { method: 'PATCH', path: '/v1/issuers/{ref}', repeatable: false },
  deleteIssuer: { method: 'DELETE', path: '/v1/issuers/{ref}', repeatable: false },
  revokeTokens: { method: 'POST', path: '/v1/issuers/{ref}/revoke', repeatable: true },
  listSigningKeys: { method: 'GET', path: '/v1/signing-keys', repeatable: false },
  rotateSigningKeys: { method: 'POST', path: '/v1/signing-keys/rotate', repeatable: false },
  issueToken: { method: 'POST', path: '/v1/tokens', repeatable: true },
  showSelf: { method: 'GET', path: '/v1/credentials/self', repeatable: false },
  rotateSelf: { method: 'POST', path: '/v1/credentials/self/rotate', repeatable: true },
  revokeSelf: { method: 'POST', path: '/v1/credentials/self/revoke', repeatable: false },
  verify: { method: 'POST', path: '/v1/verify', repeatable: false },
  listDecisions: { method: 'GET', path: '/v1/decisions', repeatable: false },
  showDecision: { method: 'GET', path: '/v1/decisions/{request_id}', repeatable: false },
  listAudit: { method: 'GET', path: '/v1/audit', repeatable: false },
  showStatus: { method: 'GET', path: '/v1/status', repeatable: false },
} as const satisfies Record<OperationId, { method: string; path: string; repeatable: boolean }>
