import assert from 'node:assert/strict'
import type {
  ApiRecord,
  CredentialRecord,
  IssuerRecord,
  PrincipalRecord,
  Records,
  RoleRecord,
  SigningKeyRecord,
  TableName,
  WorkspaceRecord,
} from '@credence/core'
import fc from 'fast-check'
import type { AuditEntry, CommitResult, Put, Store, Write } from '../port.ts'

/** Records and writes for the store contract, plain and drawn at random. */

const AT = { revision: 1, createdAtMs: 1_000, updatedAtMs: 1_000 }

export function aWorkspace(id: string, over: Partial<WorkspaceRecord> = {}): WorkspaceRecord {
  return {
    ...AT,
    id,
    workspaceId: id,
    name: id.toLowerCase().replace('_', '-'),
    keyPrefix: 'crd_live',
    ...over,
  }
}

export function anApi(id: string, over: Partial<ApiRecord> = {}): ApiRecord {
  return {
    ...AT,
    id,
    workspaceId: 'ws_1',
    name: id,
    audience: `https://${id}.example`,
    scopes: ['orders:read'],
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
    ...over,
  }
}

export function aRole(id: string, over: Partial<RoleRecord> = {}): RoleRecord {
  return { ...AT, id, workspaceId: 'ws_1', name: id, apiId: 'api_1', scopes: ['orders:read'], ...over }
}

export function aPrincipal(id: string, over: Partial<PrincipalRecord> = {}): PrincipalRecord {
  const texts = { externalId: null, owner: null, contact: null, disabledAtMs: null }
  const lists = { ceiling: null, limits: [], metadata: {} }
  return { ...AT, id, workspaceId: 'ws_1', name: id, type: 'application', ...texts, ...lists, ...over }
}

export function aCredential(id: string, over: Partial<CredentialRecord> = {}): CredentialRecord {
  return {
    ...AT,
    id,
    workspaceId: 'ws_1',
    kind: 'api_key',
    principalId: 'prn_1',
    name: null,
    keyPrefix: 'crd_live',
    state: 'active',
    stateReason: null,
    stateChangedAtMs: null,
    notBeforeMs: null,
    expiresAtMs: null,
    grants: [],
    conditions: null,
    limits: [],
    metadata: {},
    tags: [],
    versions: [
      { version: 1, sealedDigest: 'k1.seal', createdAtMs: 1_000, endsAtMs: null, revokedAtMs: null },
    ],
    issuedBy: null,
    handle: null,
    binding: null,
    parentId: null,
    parentVersion: null,
    issuerToken: null,
    ...over,
  }
}

export function anIssuer(id: string, over: Partial<IssuerRecord> = {}): IssuerRecord {
  return {
    ...AT,
    id,
    workspaceId: 'ws_1',
    name: id,
    issuer: `https://${id}.example`,
    audience: 'https://orders.example',
    apiId: 'api_1',
    algorithms: ['ES256'],
    keySource: { type: 'jwks_uri', uri: `https://${id}.example/jwks` },
    decryption: null,
    claims: {
      principal: { claim: 'sub', prefix: '' },
      scopes: { from: 'claim', claim: 'scope', prefix: '' },
      required: [],
    },
    types: null,
    clockSkewSeconds: 60,
    maxAgeSeconds: null,
    conditions: null,
    limits: [],
    disabledAtMs: null,
    revokedBeforeMs: null,
    revokedTokens: [],
    revokedPrincipals: [],
    ...over,
  }
}

export function aSigningKey(id: string, over: Partial<SigningKeyRecord> = {}): SigningKeyRecord {
  return {
    ...AT,
    id,
    workspaceId: 'ws_1',
    algorithm: 'ES256',
    state: 'current',
    stateChangedAtMs: 1_000,
    sealedKey: 'k1.seal',
    trustedUntilMs: null,
    ...over,
  }
}

export function anAudit(over: Partial<AuditEntry> = {}): AuditEntry {
  const what = { atMs: 1_000, action: 'api.update', targetTable: 'api' as const, targetId: 'api_1' }
  return {
    ...what,
    actorCredentialId: null,
    actorPrincipalId: null,
    requestId: null,
    ip: null,
    detail: {},
    ...over,
  }
}

/** A write that does nothing but what `over` says. */
export function aWrite(over: Partial<Write> = {}): Write {
  const nothing = { puts: [], deletes: [], expects: [], settings: [], idempotency: null }
  return { workspaceId: 'ws_1', ...nothing, audit: anAudit(), ...over }
}

export function put<T extends TableName>(table: T, record: Records[T]): Put {
  return { table, record } as unknown as Put
}

/** Commits puts and returns the position. @throws AssertionError when the store refused them */
export async function commitPuts(store: Store, ...puts: Put[]): Promise<number> {
  return positionOf(await store.commit(aWrite({ puts })))
}

export function positionOf(result: CommitResult): number {
  assert.ok(result.ok, `The write was refused: ${JSON.stringify(result)}`)
  return result.position
}

/** Two workspaces; in the first an API and a principal, which the plain records refer to. */
export async function seed(store: Store): Promise<void> {
  const first = [put('workspace', aWorkspace('ws_1')), put('api', anApi('api_1'))]
  const rest = [put('principal', aPrincipal('prn_1')), put('workspace', aWorkspace('ws_2'))]
  await commitPuts(store, ...first, ...rest)
}

/** A plain object, as records are. */
function shape<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}

const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((value) => !value.includes('\0'))
/** Within a JSON column also NUL and lone surrogates come back as they were. */
const jsonText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', '\0', '\ud800', '"\\u0000'),
)
const orNull = <V>(value: fc.Arbitrary<V>) => fc.option(value, { nil: null, freq: 3 })
const count = fc.integer({ min: 1, max: 2 ** 31 })
const ms = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const texts = fc.array(jsonText, { maxLength: 3 })
const metadata = fc.dictionary(fc.oneof(jsonText, fc.constant('__proto__')), jsonText, {
  maxKeys: 3,
  noNullPrototype: true,
})
const kind = fc.constantFrom('api_key', 'client_secret', 'basic', 'access_token', 'jwt')
const apiId = fc.constantFrom('api_1', 'api_2')

const limits = fc.array(
  fc.oneof(
    shape({ type: fc.constant('rate' as const), name: jsonText, limit: count, windowSeconds: count }),
    shape({
      type: fc.constant('quota' as const),
      name: jsonText,
      limit: count,
      period: fc.constantFrom('hour', 'month'),
    }),
    shape({
      type: fc.constant('credits' as const),
      name: jsonText,
      limit: count,
      refill: orNull(shape({ amount: count, everySeconds: count })),
    }),
  ),
  { maxLength: 3 },
)
const grants = fc.array(shape({ apiId, scopes: texts, roleIds: texts }), { maxLength: 3 })
const route = shape({
  method: jsonText,
  path: jsonText,
  scopes: orNull(jsonText),
  public: fc.boolean(),
  accepts: orNull(fc.array(kind)),
  cost: count,
})
const conditions = shape({
  ipRanges: orNull(texts),
  methods: orNull(texts),
  paths: orNull(texts),
  timeWindow: orNull(
    shape({
      days: fc.array(fc.integer({ min: 1, max: 7 })),
      startMinute: count,
      endMinute: count,
      timeZone: jsonText,
    }),
  ),
})
const versions = fc
  .uniqueArray(
    shape({
      version: count,
      sealedDigest: text,
      createdAtMs: ms,
      endsAtMs: orNull(ms),
      revokedAtMs: orNull(ms),
    }),
    { minLength: 1, maxLength: 4, selector: ({ version }) => version },
  )
  .map((list) => list.toSorted((a, b) => a.version - b.version))

const api = shape({
  createdAtMs: ms,
  updatedAtMs: ms,
  name: text,
  audience: text,
  scopes: texts,
  routes: fc.array(route, { maxLength: 3 }),
  accepts: fc.array(kind),
  upstream: orNull(text),
  host: orNull(text),
  basePath: text,
  stripBasePath: fc.boolean(),
  corsOrigins: texts,
  requiresTls: fc.boolean(),
  requiresBinding: fc.boolean(),
  identityToken: fc.boolean(),
  maxLifetimeSeconds: orNull(count),
  keyPrefix: orNull(text),
  queryParameter: orNull(text),
  credentialHeader: orNull(text),
  limits,
  outageGraceSeconds: count,
  exactLimits: fc.boolean(),
  metadata,
  builtIn: fc.boolean(),
})

const claims = shape({
  principal: shape({ claim: jsonText, prefix: jsonText }),
  scopes: fc.oneof(
    shape({ from: fc.constant('claim' as const), claim: jsonText, prefix: jsonText }),
    shape({ from: fc.constant('mapping' as const), scopes: texts }),
  ),
  required: fc.array(
    shape({ claim: jsonText, oneOf: fc.array(fc.oneof(jsonText, fc.boolean(), count), { minLength: 1 }) }),
    { maxLength: 2 },
  ),
})
const issuer = shape({
  createdAtMs: ms,
  updatedAtMs: ms,
  name: text,
  issuer: text,
  audience: text,
  apiId,
  algorithms: fc.array(fc.constantFrom('ES256' as const, 'HS256' as const), { maxLength: 2 }),
  keySource: fc.oneof(
    shape({ type: fc.constant('jwks_uri' as const), uri: jsonText }),
    shape({ type: fc.constant('discovery' as const), uri: jsonText }),
    shape({ type: fc.constant('jwks' as const), keys: fc.array(metadata, { maxLength: 2 }) }),
    shape({
      type: fc.constant('secrets' as const),
      sealed: jsonText,
      keys: fc.array(metadata, { maxLength: 2 }),
    }),
  ),
  decryption: orNull(
    shape({
      sealed: jsonText,
      keys: fc.array(metadata, { maxLength: 2 }),
      encryptions: fc.array(fc.constantFrom('A128GCM' as const, 'A256GCM' as const), { maxLength: 2 }),
    }),
  ),
  claims,
  types: orNull(texts),
  clockSkewSeconds: count,
  maxAgeSeconds: orNull(count),
  conditions: orNull(conditions),
  limits,
  disabledAtMs: orNull(ms),
  revokedBeforeMs: orNull(ms),
  revokedTokens: fc.array(shape({ tokenId: jsonText, untilMs: orNull(ms), reason: orNull(jsonText) }), {
    maxLength: 3,
  }),
  revokedPrincipals: fc.array(shape({ principalId: jsonText, beforeMs: ms, reason: orNull(jsonText) }), {
    maxLength: 3,
  }),
})

const principal = shape({
  createdAtMs: ms,
  updatedAtMs: ms,
  name: text,
  type: fc.constantFrom('application', 'service', 'user'),
  externalId: orNull(text),
  owner: orNull(text),
  contact: orNull(text),
  disabledAtMs: orNull(ms),
  ceiling: orNull(grants),
  limits,
  metadata,
})

const credential = shape({
  createdAtMs: ms,
  updatedAtMs: ms,
  kind,
  name: orNull(text),
  keyPrefix: text,
  state: fc.constantFrom('active', 'disabled', 'quarantined', 'revoked'),
  stateReason: orNull(text),
  stateChangedAtMs: orNull(ms),
  notBeforeMs: orNull(ms),
  expiresAtMs: orNull(ms),
  grants,
  conditions: orNull(conditions),
  limits,
  metadata,
  tags: fc.array(text, { maxLength: 4 }),
  versions,
  issuedBy: orNull(text),
  handle: orNull(text),
  binding: orNull(
    fc.oneof(
      shape({ type: fc.constantFrom('dpop' as const, 'mtls' as const), thumbprint: jsonText }),
      shape({ type: fc.constant('signature' as const), thumbprint: jsonText, key: metadata }),
    ),
  ),
  parentId: orNull(text),
  parentVersion: orNull(count),
  issuerToken: orNull(shape({ tokenId: orNull(jsonText), issuedAtMs: orNull(ms), expiresAtMs: ms })),
})

const signingKey = shape({
  createdAtMs: ms,
  updatedAtMs: ms,
  algorithm: fc.constantFrom('ES256' as const, 'EdDSA' as const),
  state: fc.constantFrom('next' as const, 'current' as const, 'retired' as const, 'revoked' as const),
  stateChangedAtMs: ms,
  sealedKey: text,
  trustedUntilMs: orNull(ms),
})

/** Any record that may stand in a seeded store with `api_2`, as a put of a new row; withId() gives it its place. */
export const anyPut: fc.Arbitrary<Put> = fc.oneof(
  shape({ name: text, keyPrefix: text, createdAtMs: ms }).map((over) =>
    put('workspace', aWorkspace('any', over)),
  ),
  api.map((over) => put('api', anApi('any', over))),
  shape({ name: text, apiId, scopes: texts, createdAtMs: ms }).map((over) => put('role', aRole('any', over))),
  principal.map((over) => put('principal', aPrincipal('any', over))),
  credential.map((over) => put('credential', aCredential('any', over))),
  issuer.map((over) => put('issuer', anIssuer('any', over))),
  signingKey.map((over) => put('signing_key', aSigningKey('any', over))),
)

/** The same put for another id. */
export function withId({ table, record }: Put, id: string): Put {
  return put(table, { ...record, id, workspaceId: table === 'workspace' ? id : record.workspaceId })
}

/** What a later write makes of a credential: the same row, everything that may change drawn anew. */
export function anyNext(before: CredentialRecord): fc.Arbitrary<CredentialRecord> {
  return credential.map((over) => ({
    ...before,
    ...over,
    createdAtMs: before.createdAtMs,
    revision: before.revision + 1,
  }))
}
