import type { CredentialRecord, WorkspaceRecord } from '@credence/core'
import type { Context } from '../context.ts'
import { looksLikeId } from '../ids.ts'
import type { Page, Put, RowAt } from '../store/port.ts'
import { DEFAULT_WORKSPACE_NAME } from './bootstrap.ts'
import { powerRefusal } from './credential-authority.ts'
import { type IdempotentRequest, idempotencyEntry, once } from './idempotency.ts'
import { keyPrefixProblem } from './key-prefix.ts'
import { ADMINISTRATOR_NAME, newWorkspace } from './new-workspace.ts'
import { type Actor, done, failed, invalid, notFound, type Outcome } from './operation.ts'
import type { PageRequest } from './page-request.ts'
import { changedMembers, type Expected, replaceRow, staleness } from './rows.ts'
import { write } from './write.ts'

export interface MadeWorkspace {
  readonly workspace: WorkspaceRecord
  /** The admin key. */
  readonly credential: CredentialRecord
  /** Null in a replay: it was shown to the request that came first. */
  readonly secret: string | null
}

export interface WorkspaceChanges {
  readonly name?: string
  readonly keyPrefix?: string
}

/** Makes a workspace with its API `credence`, an administrator and an admin key. */
export function createWorkspace(
  context: Context,
  actor: Actor,
  args: { readonly name: string; readonly keyPrefix: string },
  request: IdempotentRequest | null,
): Promise<Outcome<MadeWorkspace>> {
  const make = async (): Promise<Outcome<MadeWorkspace>> => {
    // The admin key of the new workspace can do everything there, for ever.
    const refusal = ownerOnly(context, actor) ?? powerRefusal(actor, { scopes: [], expiresAtMs: null })
    if (refusal !== null) return refusal
    const problem = keyPrefixProblem(args.keyPrefix)
    if (problem !== null) return invalid({ field: 'prefix', detail: problem })
    const made = newWorkspace(context, args.name, args.keyPrefix, actor.credentialId)
    const { workspace, credential, puts, secret } = made
    const written = await write(context, actor, {
      puts,
      idempotency: idempotencyEntry(request, 'credential', credential.id, 201, workspace.createdAtMs),
      action: 'workspace.create',
      target: { table: 'workspace', id: workspace.id },
      detail: { name: workspace.name, prefix: workspace.keyPrefix, admin_credential: credential.id },
    })
    return written.ok ? done({ workspace, credential, secret }, written.position) : written
  }
  return once(context, request, make, async ({ id }) => {
    const credential = await context.store.read('credential', id)
    if (credential === undefined) return notFound('credential', id)
    const workspace = await context.store.read('workspace', credential.workspaceId)
    return workspace === undefined ? notFound('workspace', id) : done({ workspace, credential, secret: null })
  })
}

/** The workspace `default` sees all of them; another sees only itself. */
export async function listWorkspaces(
  context: Context,
  actor: Actor,
  page: PageRequest,
): Promise<Outcome<Page<WorkspaceRecord>>> {
  const workspaceId = isOwner(context, actor) ? null : actor.workspaceId
  return done(await context.store.list('workspace', { workspaceId, ...page, filters: {} }))
}

export async function showWorkspace(
  context: Context,
  actor: Actor,
  ref: string,
): Promise<Outcome<WorkspaceRecord>> {
  const workspace = await findWorkspace(context, actor, ref)
  return workspace === undefined ? notFound('workspace', ref) : done(workspace)
}

export async function updateWorkspace(
  context: Context,
  actor: Actor,
  ref: string,
  changes: WorkspaceChanges,
  expected: Expected,
): Promise<Outcome<WorkspaceRecord>> {
  const before = await findWorkspace(context, actor, ref)
  if (before === undefined) return notFound('workspace', ref)
  const stale = staleness(before.revision, expected)
  if (stale !== null) return stale
  const { name = before.name, keyPrefix = before.keyPrefix } = changes
  const problem = keyPrefixProblem(keyPrefix)
  if (problem !== null) return invalid({ field: 'prefix', detail: problem })
  if (before.id === context.defaultWorkspaceId && name !== before.name) {
    return failed({ code: 'CONFLICT', detail: `the workspace ${DEFAULT_WORKSPACE_NAME} keeps its name` })
  }
  const detail = changedMembers(changes)
  return replaceRow(
    context,
    actor,
    { table: 'workspace', before, expected, detail },
    { ...before, name, keyPrefix },
  )
}

/**
 * Deletes a workspace that is empty: nothing in it but its API `credence`, roles of that, and an administrator
 * with credentials. Whoever wants more gone deletes it first, and sees what it is.
 */
export async function deleteWorkspace(
  context: Context,
  actor: Actor,
  ref: string,
  expected: Expected,
): Promise<Outcome<null>> {
  const workspace = await findWorkspace(context, actor, ref)
  if (workspace === undefined) return notFound('workspace', ref)
  const refusal = ownerOnly(context, actor) ?? staleness(workspace.revision, expected)
  if (refusal !== null) return refusal
  if (workspace.id === context.defaultWorkspaceId) {
    return failed({ code: 'CONFLICT', detail: `the workspace ${DEFAULT_WORKSPACE_NAME} is never deleted` })
  }
  const rows = await lastRowsOf(context, workspace.id)
  if (rows === null) {
    const detail = `workspace ${workspace.name} is not empty: delete its APIs, principals, credentials and issuers first`
    return failed({ code: 'CONFLICT', detail })
  }
  const written = await write(context, actor, {
    deletes: [...rows, { table: 'workspace', id: workspace.id, revision: workspace.revision }],
    action: 'workspace.delete',
    target: { table: 'workspace', id: workspace.id },
    detail: { name: workspace.name },
  })
  return written.ok ? done(null, written.position) : written
}

/** What is left in a workspace that counts as empty; null: there is more. */
async function lastRowsOf({ store }: Context, workspaceId: string): Promise<RowAt[] | null> {
  const query = { workspaceId, limit: 100, cursor: null, filters: {} }
  const apis = await store.list('api', query)
  const principals = await store.list('principal', query)
  const roles = await store.list('role', query)
  const credentials = await store.list('credential', query)
  const issuers = await store.list('issuer', query)
  const isEmpty =
    apis.records.every((api) => api.builtIn) &&
    principals.records.every(({ name }) => name === ADMINISTRATOR_NAME) &&
    issuers.records.length === 0 &&
    roles.next === null &&
    credentials.next === null
  if (!isEmpty) return null
  const at =
    (table: Put['table']) =>
    ({ id, revision }: { readonly id: string; readonly revision: number }): RowAt => ({ table, id, revision })
  return [
    ...credentials.records.map(at('credential')),
    ...roles.records.map(at('role')),
    ...principals.records.map(at('principal')),
    ...apis.records.map(at('api')),
  ]
}

function isOwner({ defaultWorkspaceId }: Pick<Context, 'defaultWorkspaceId'>, actor: Actor): boolean {
  return actor.workspaceId === defaultWorkspaceId
}

function ownerOnly(context: Context, actor: Actor): ReturnType<typeof failed> | null {
  if (isOwner(context, actor)) return null
  const detail = `only credentials of the workspace ${DEFAULT_WORKSPACE_NAME} make and delete workspaces`
  return failed({ code: 'INSUFFICIENT_SCOPE', detail })
}

async function findWorkspace(
  context: Context,
  actor: Actor,
  ref: string,
): Promise<WorkspaceRecord | undefined> {
  const { store } = context
  const found = looksLikeId(ref)
    ? await store.read('workspace', ref)
    : await store.readByName('workspace', null, ref)
  return isOwner(context, actor) || found?.id === actor.workspaceId ? found : undefined
}
