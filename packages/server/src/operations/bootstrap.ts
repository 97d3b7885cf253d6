import type { ParsedKey, PrincipalRecord, Records } from '@credence/core'
import type { Context } from '../context.ts'
import type { AuditEntry, Put, Write } from '../store/port.ts'
import { ADMINISTRATOR_NAME, newAdminKey, newWorkspace } from './new-workspace.ts'
import { newPrincipal } from './principals.ts'

export const DEFAULT_WORKSPACE_NAME = 'default'
export const DEFAULT_KEY_PREFIX = 'crd_live'
/** Setting: the id of the workspace `default`. That it is unique makes the first start happen once. */
export const DEFAULT_WORKSPACE_SETTING = 'default_workspace_id'

type Host = Pick<Context, 'store' | 'clock' | 'randomBytes' | 'sealingKeys'>

export interface BootstrapOptions {
  /** The admin key to install; null: a fresh one is made. */
  readonly adminKey: ParsedKey | null
  /** Settings to make in the same write, such as the keyring's fingerprint. */
  readonly settings?: Write['settings']
}

export interface Bootstrapped {
  readonly workspaceId: string
  /** The admin key, when this call made the workspace; null: it was there. */
  readonly secret: string | null
}

/** Makes the workspace `default` with its admin key, unless the store has it. Of several at once, one makes it. */
export async function bootstrap(
  host: Host,
  { adminKey, settings = [] }: BootstrapOptions,
): Promise<Bootstrapped> {
  const { store } = host
  const before = await store.readByName('workspace', null, DEFAULT_WORKSPACE_NAME)
  if (before !== undefined) return { workspaceId: before.id, secret: null }
  const made = newWorkspace(host, DEFAULT_WORKSPACE_NAME, DEFAULT_KEY_PREFIX, null, adminKey)
  const { id } = made.workspace
  const setting = { name: DEFAULT_WORKSPACE_SETTING, value: id }
  const audit = hostAudit(host, 'workspace.create', { table: 'workspace', id })
  const result = await store.commit({
    ...hostWrite(id, audit),
    puts: made.puts,
    settings: [setting, ...settings],
  })
  if (result.ok) return { workspaceId: id, secret: made.secret }
  const now = await store.readByName('workspace', null, DEFAULT_WORKSPACE_NAME)
  if (now === undefined)
    throw new Error(`The workspace could not be made: ${JSON.stringify(result.conflict)}`)
  return { workspaceId: now.id, secret: null }
}

/**
 * A new admin key for the workspace `default`, for whoever owns the host. The administrator is made anew where it
 * is gone, and freed of what would keep the key from working. Null: there is no such workspace.
 */
export async function recoverAdmin(
  host: Host,
  adminKey: ParsedKey | null,
): Promise<{ credentialId: string; secret: string } | null> {
  const { store } = host
  const workspace = await store.readByName('workspace', null, DEFAULT_WORKSPACE_NAME)
  if (workspace === undefined) return null
  const before = await store.readByName('principal', workspace.id, ADMINISTRATOR_NAME)
  const principal = before ?? newPrincipal(host, workspace.id, ADMINISTRATOR_NAME, 'service')
  const { credential, secret } = newAdminKey(host, workspace, principal, null, adminKey)
  const puts: Put[] = [{ table: 'credential', record: credential }]
  const freed = before === undefined ? principal : freedOf(before, host.clock())
  if (freed !== null) puts.push({ table: 'principal', record: freed })
  const audit = hostAudit(host, 'credential.recover', { table: 'credential', id: credential.id })
  const result = await store.commit({ ...hostWrite(workspace.id, audit), puts })
  if (!result.ok) throw new Error(`The admin key could not be made: ${JSON.stringify(result.conflict)}`)
  return { credentialId: credential.id, secret }
}

function freedOf(before: PrincipalRecord, nowMs: number): PrincipalRecord | null {
  if (before.disabledAtMs === null && before.ceiling === null && before.limits.length === 0) return null
  return {
    ...before,
    revision: before.revision + 1,
    updatedAtMs: nowMs,
    disabledAtMs: null,
    ceiling: null,
    limits: [],
  }
}

function hostWrite(workspaceId: string, audit: AuditEntry): Write {
  return { workspaceId, puts: [], deletes: [], expects: [], settings: [], idempotency: null, audit }
}

function hostAudit(
  { clock }: Host,
  action: string,
  target: { readonly table: keyof Records; readonly id: string },
): AuditEntry {
  return {
    atMs: clock(),
    action,
    targetTable: target.table,
    targetId: target.id,
    actorCredentialId: null,
    actorPrincipalId: null,
    requestId: null,
    ip: null,
    detail: {},
  }
}
