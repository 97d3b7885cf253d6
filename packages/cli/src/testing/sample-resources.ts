import type { ApiResource, CredentialResource, DecisionResource, VersionResource } from '../resources.ts'
import { NOW_MS } from './run-against.ts'

/** RFC 3339, so many milliseconds from the tests' now. */
export function at(offsetMs: number): string {
  return new Date(NOW_MS + offsetMs).toISOString()
}

export const CREDENTIAL_ID = '5Hd8kQ2mZx1a'
export const SECRET = `crd_live_${CREDENTIAL_ID}0123456789abcdefghijABCDEFGHIJ01a1B2c3`

export function sampleApi(changes: Partial<ApiResource> = {}): ApiResource {
  return {
    id: 'api_0123456789ab',
    name: 'orders',
    audience: 'https://orders.example',
    scopes: ['orders:read', 'orders:write'],
    routes: [
      { method: 'GET', path: '/healthz', scopes: null, public: true },
      { method: 'GET', path: '/orders/*', scopes: 'orders:read', public: false },
      { method: 'POST', path: '/orders/*', scopes: 'orders:write', public: false },
    ],
    accepts: ['api_key'],
    upstream: 'http://127.0.0.1:9000',
    host: null,
    base_path: '/',
    strip_base_path: false,
    cors: null,
    requires_tls: false,
    requires_binding: false,
    limits: [],
    outage_grace_seconds: 0,
    exact_limits: false,
    identity_token: false,
    metadata: {},
    gateway_url: 'http://127.0.0.1:6750/',
    built_in: false,
    created_at: at(0),
    revision: 4,
    warnings: [],
    ...changes,
  }
}

export function sampleVersion(changes: Partial<VersionResource> = {}): VersionResource {
  return {
    version: 1,
    status: 'current',
    created_at: at(0),
    ends_at: null,
    revoked_at: null,
    last_used_at: null,
    last_ip: null,
    last_user_agent: null,
    uses: 0,
    ...changes,
  }
}

export function sampleCredential(changes: Partial<CredentialResource> = {}): CredentialResource {
  return {
    id: CREDENTIAL_ID,
    kind: 'api_key',
    status: 'active',
    reason: null,
    name: null,
    principal: { id: 'prn_0123456789ab', name: 'billing', type: 'application', external_id: 'cus_42' },
    grants: [{ api: 'orders', scopes: ['orders:read'], roles: [] }],
    username: null,
    client_id: null,
    created_at: at(0),
    not_before: null,
    expires_at: at(90 * 86_400_000),
    conditions: null,
    binding: null,
    limits: [{ name: 'default', type: 'rate', limit: 100, window_seconds: 60 }],
    metadata: {},
    tags: [],
    issued_by: null,
    revision: 7,
    versions: [sampleVersion()],
    ...changes,
  }
}

export function sampleDecision(changes: Partial<DecisionResource> = {}): DecisionResource {
  return {
    request_id: 'r3',
    at: at(-4000),
    code: 'INSUFFICIENT_SCOPE',
    method: 'POST',
    path: '/orders/7',
    api: 'orders',
    route: 'POST /orders/*',
    credential: CREDENTIAL_ID,
    principal: 'prn_0123456789ab',
    ip: '127.0.0.1',
    duration_ms: 0.21,
    ...changes,
  }
}
