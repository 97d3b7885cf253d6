import {
  type ApiRecord,
  type CredentialRecord,
  digestSecret,
  formatKey,
  generateId,
  generateSecret,
  type ParsedKey,
  type PrincipalRecord,
  STANDING_ALONE,
  sealDigest,
  type WorkspaceRecord,
} from '@credence/core'
import type { Context } from '../context.ts'
import { builtInApiId, newId } from '../ids.ts'
import type { Put } from '../store/port.ts'
import { ADMIN_SCOPES } from './admin-scopes.ts'
import { API_DEFAULTS } from './api-fields.ts'
import { newPrincipal } from './principals.ts'

type Making = Pick<Context, 'clock' | 'randomBytes' | 'sealingKeys'>

export const BUILT_IN_API_NAME = 'credence'
export const ADMINISTRATOR_NAME = 'administrator'

/** A workspace with all that it has from the start. */
export interface NewWorkspace {
  readonly workspace: WorkspaceRecord
  readonly credential: CredentialRecord
  readonly principal: PrincipalRecord
  /** The admin key, to hand out once. */
  readonly secret: string
  readonly puts: readonly Put[]
}

/** @param adminKey a key that its owner made beforehand; null: a fresh one */
export function newWorkspace(
  making: Making,
  name: string,
  keyPrefix: string,
  issuedBy: string | null,
  adminKey: ParsedKey | null = null,
): NewWorkspace {
  const nowMs = making.clock()
  const id = newId('workspace', making.randomBytes)
  const made = { revision: 1, createdAtMs: nowMs, updatedAtMs: nowMs }
  const workspace: WorkspaceRecord = { id, workspaceId: id, ...made, name, keyPrefix }
  const principal = newPrincipal(making, id, ADMINISTRATOR_NAME, 'service')
  const { credential, secret } = newAdminKey(making, workspace, principal, issuedBy, adminKey)
  const puts: Put[] = [
    { table: 'workspace', record: workspace },
    { table: 'api', record: builtInApi(id, nowMs) },
    { table: 'principal', record: principal },
    { table: 'credential', record: credential },
  ]
  return { workspace, credential, principal, secret, puts }
}

/** The API that administration is: it protects itself like any other. */
function builtInApi(workspaceId: string, nowMs: number): ApiRecord {
  return {
    ...API_DEFAULTS,
    id: builtInApiId(workspaceId),
    workspaceId,
    revision: 1,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    name: BUILT_IN_API_NAME,
    audience: 'urn:credence:administration',
    scopes: ADMIN_SCOPES,
    builtIn: true,
  }
}

/** A credential that may do everything in its workspace. */
export function newAdminKey(
  { clock, randomBytes, sealingKeys }: Making,
  workspace: Pick<WorkspaceRecord, 'id' | 'keyPrefix'>,
  principal: Pick<PrincipalRecord, 'id'>,
  issuedBy: string | null,
  given: ParsedKey | null = null,
): { readonly credential: CredentialRecord; readonly secret: string } {
  const nowMs = clock()
  const key = given ?? {
    prefix: workspace.keyPrefix,
    id: generateId(randomBytes),
    secret: generateSecret(randomBytes),
  }
  const sealContext = {
    workspaceId: workspace.id,
    kind: 'api_key',
    credentialId: key.id,
    version: 1,
  } as const
  const sealedDigest = sealDigest(digestSecret(key.secret), sealContext, sealingKeys, randomBytes)
  const credential: CredentialRecord = {
    id: key.id,
    workspaceId: workspace.id,
    revision: 1,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    kind: 'api_key',
    principalId: principal.id,
    name: 'admin key',
    keyPrefix: key.prefix,
    state: 'active',
    stateReason: null,
    stateChangedAtMs: null,
    notBeforeMs: null,
    expiresAtMs: null,
    grants: [{ apiId: builtInApiId(workspace.id), scopes: ['*'], roleIds: [] }],
    conditions: null,
    limits: [],
    metadata: {},
    tags: [],
    versions: [{ version: 1, sealedDigest, createdAtMs: nowMs, endsAtMs: null, revokedAtMs: null }],
    issuedBy,
    ...STANDING_ALONE,
  }
  return { credential, secret: formatKey(key.prefix, key.id, key.secret) }
}
