import type { Decision } from '../decision.ts'
import type { ApiRecord, CredentialRecord, PrincipalRecord, RoleRecord, Route } from '../records.ts'

/** Records for tests: plain ones that allow everything, each field of which can be replaced. */
const row = { workspaceId: 'ws_000000000001', revision: 1, createdAtMs: 1_000, updatedAtMs: 1_000 }

export function aRole(change: Partial<RoleRecord> = {}): RoleRecord {
  return {
    ...row,
    id: 'rol_000000000001',
    name: 'reader',
    apiId: 'api_000000000002',
    scopes: ['orders:read'],
    ...change,
  }
}

export function aRoute(change: Partial<Route> = {}): Route {
  return {
    method: 'GET',
    path: '/orders/*',
    scopes: 'orders:read',
    public: false,
    accepts: null,
    cost: 1,
    ...change,
  }
}

export function anApi(change: Partial<ApiRecord> = {}): ApiRecord {
  return {
    ...row,
    id: 'api_000000000002',
    name: 'orders',
    audience: 'https://orders.example',
    scopes: ['orders:read', 'orders:write'],
    routes: [],
    accepts: ['api_key'],
    upstream: null,
    host: null,
    basePath: '/',
    stripBasePath: false,
    corsOrigins: [],
    requiresTls: false,
    requiresBinding: false,
    identityToken: false,
    maxLifetimeSeconds: null,
    keyPrefix: null,
    queryParameter: null,
    credentialHeader: null,
    limits: [],
    outageGraceSeconds: 0,
    exactLimits: false,
    metadata: {},
    builtIn: false,
    ...change,
  }
}

export function aPrincipal(change: Partial<PrincipalRecord> = {}): PrincipalRecord {
  return {
    ...row,
    id: 'prn_000000000003',
    name: 'billing',
    type: 'application',
    externalId: 'cus_42',
    owner: null,
    contact: null,
    disabledAtMs: null,
    ceiling: null,
    limits: [],
    metadata: {},
    ...change,
  }
}

export function aCredential(change: Partial<CredentialRecord> = {}): CredentialRecord {
  return {
    ...row,
    id: 'AAAAAAAAAAA4',
    kind: 'api_key',
    principalId: 'prn_000000000003',
    name: null,
    keyPrefix: 'crd_live',
    state: 'active',
    stateReason: null,
    stateChangedAtMs: null,
    notBeforeMs: null,
    expiresAtMs: null,
    grants: [{ apiId: 'api_000000000002', scopes: ['orders:read'], roleIds: [] }],
    conditions: null,
    limits: [],
    metadata: {},
    tags: [],
    versions: [
      { version: 1, sealedDigest: 'k1.none', createdAtMs: 1_000, endsAtMs: null, revokedAtMs: null },
    ],
    issuedBy: null,
    handle: null,
    binding: null,
    parentId: null,
    parentVersion: null,
    issuerToken: null,
    ...change,
  }
}

/** A request that passed, of nobody in particular. */
export function aDecision(change: Partial<Decision> = {}): Decision {
  return {
    code: 'VALID',
    failedCheck: null,
    detail: null,
    api: null,
    route: null,
    public: false,
    credential: null,
    version: null,
    principal: null,
    scopes: [],
    required: null,
    limits: [],
    takesBasic: false,
    retryAfterSeconds: null,
    staleSeconds: null,
    dpop: null,
    seat: null,
    ...change,
  }
}
