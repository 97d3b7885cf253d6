import {
  type ApiRecord,
  type CredentialRecord,
  digestSecret,
  formatKey,
  generateId,
  generateSecret,
  type PrincipalRecord,
  sealDigest,
} from '@credence/core'
import type { Context } from '../context.ts'
import { newId } from '../ids.ts'
import { API_DEFAULTS } from '../operations/api-fields.ts'
import type { Put } from '../store/port.ts'

export interface ProtectedApi {
  readonly api: ApiRecord
  readonly principal: PrincipalRecord
  readonly credential: CredentialRecord
  /** An API key for it. */
  readonly key: string
}

export interface ProtectedApiOptions {
  readonly api?: Partial<ApiRecord>
  readonly principal?: Partial<PrincipalRecord>
  readonly credential?: Partial<CredentialRecord>
  /** What the key may do; `orders:read` when left out. */
  readonly scopes?: readonly string[]
}

/** Puts an API, a principal and a key for both straight into the store, and lets the node see them. */
export async function protectApi(context: Context, options: ProtectedApiOptions = {}): Promise<ProtectedApi> {
  const { clock, randomBytes, sealingKeys, defaultWorkspaceId: workspaceId } = context
  const row = { workspaceId, revision: 1, createdAtMs: clock(), updatedAtMs: clock() }
  const api = apiRecord({ ...row, id: newId('api', randomBytes), ...options.api })
  const principal: PrincipalRecord = {
    ...row,
    id: newId('principal', randomBytes),
    name: `billing ${api.name}`,
    type: 'application',
    externalId: null,
    owner: null,
    contact: null,
    disabledAtMs: null,
    ceiling: null,
    limits: [],
    metadata: {},
    ...options.principal,
  }
  const id = generateId(randomBytes)
  const secret = generateSecret(randomBytes)
  const sealContext = { workspaceId, kind: 'api_key', credentialId: id, version: 1 } as const
  const sealedDigest = sealDigest(digestSecret(secret), sealContext, sealingKeys, randomBytes)
  const credential: CredentialRecord = {
    ...row,
    id,
    kind: 'api_key',
    principalId: principal.id,
    name: null,
    keyPrefix: 'crd_live',
    state: 'active',
    stateReason: null,
    stateChangedAtMs: null,
    notBeforeMs: null,
    expiresAtMs: null,
    grants: [{ apiId: api.id, scopes: options.scopes ?? ['orders:read'], roleIds: [] }],
    conditions: null,
    limits: [],
    metadata: {},
    tags: [],
    versions: [{ version: 1, sealedDigest, createdAtMs: clock(), endsAtMs: null, revokedAtMs: null }],
    issuedBy: null,
    handle: null,
    binding: null,
    parentId: null,
    parentVersion: null,
    issuerToken: null,
    ...options.credential,
  }
  await putRecords(context, [
    { table: 'api', record: api },
    { table: 'principal', record: principal },
    { table: 'credential', record: credential },
  ])
  return { api, principal, credential, key: formatKey('crd_live', id, secret) }
}

/** Commits rows as they are and waits until the node has seen them. */
export async function putRecords(context: Context, puts: readonly Put[]): Promise<void> {
  const { store, follower, directory, clock, defaultWorkspaceId: workspaceId } = context
  const first = puts[0]!
  const result = await store.commit({
    workspaceId,
    puts,
    deletes: [],
    expects: [],
    settings: [],
    idempotency: null,
    audit: {
      atMs: clock(),
      action: `${first.table}.create`,
      targetTable: first.table,
      targetId: first.record.id,
      actorCredentialId: null,
      actorPrincipalId: null,
      requestId: null,
      ip: null,
      detail: {},
    },
  })
  if (!result.ok) throw new Error(`the rows were refused: ${JSON.stringify(result.conflict)}`)
  await follower.poll()
  await directory.load()
}

function apiRecord(
  given: Partial<ApiRecord> &
    Pick<ApiRecord, 'id' | 'workspaceId' | 'revision' | 'createdAtMs' | 'updatedAtMs'>,
): ApiRecord {
  const name = given.name ?? 'orders'
  return {
    ...API_DEFAULTS,
    name,
    audience: `https://${name}.example`,
    scopes: ['orders:read', 'orders:write'],
    // Any valid credential of the API, for everything.
    routes: [{ method: '*', path: '/**', scopes: null, public: false, accepts: null, cost: 1 }],
    builtIn: false,
    ...given,
  }
}
