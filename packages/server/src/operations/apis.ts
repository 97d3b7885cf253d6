import type { ApiRecord } from '@credence/core'
import type { Context } from '../context.ts'
import { newId } from '../ids.ts'
import type { ListFilters, Page } from '../store/port.ts'
import { API_DEFAULTS, type ApiFields, apiErrors, normalized, scopesOfRoutes } from './api-fields.ts'
import { findRecord } from './find.ts'
import { type IdempotentRequest, idempotencyEntry } from './idempotency.ts'
import { type Actor, done, type FieldError, failed, invalid, notFound, type Outcome } from './operation.ts'
import type { PageRequest } from './page-request.ts'
import { leftoverTokens, referrerOf, TOKENS_LEFT } from './referrers.ts'
import { changedMembers, type Expected, makeOnce, replaceRow, staleness } from './rows.ts'
import { upstreamRefusal } from './upstream-check.ts'
import { write } from './write.ts'

export interface NewApi extends Partial<ApiFields> {
  readonly name: string
  readonly audience: string
}

export function createApi(
  context: Context,
  actor: Actor,
  { name, ...given }: NewApi,
  request: IdempotentRequest | null,
): Promise<Outcome<ApiRecord>> {
  return makeOnce(context, actor, 'api', request, async () => {
    const fields = withScopes({ ...API_DEFAULTS, ...given }, given)
    const errors = await errorsOf(context, actor.workspaceId, fields, fields.upstream)
    if (errors.length > 0) return invalid(...errors)
    const nowMs = context.clock()
    const row = { id: newId('api', context.randomBytes), workspaceId: actor.workspaceId, revision: 1 }
    const record: ApiRecord = {
      ...row,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      name,
      ...fields,
      builtIn: false,
    }
    const written = await write(context, actor, {
      puts: [{ table: 'api', record }],
      idempotency: idempotencyEntry(request, 'api', record.id, 201, nowMs),
      action: 'api.create',
      target: { table: 'api', id: record.id },
      detail: { name, audience: record.audience, upstream: record.upstream },
    })
    return written.ok ? done(record, written.position) : written
  })
}

export async function listApis(
  context: Context,
  actor: Actor,
  page: PageRequest,
  filters: Pick<ListFilters, 'name'>,
): Promise<Outcome<Page<ApiRecord>>> {
  return done(await context.store.list('api', { workspaceId: actor.workspaceId, ...page, filters }))
}

export async function showApi(context: Context, actor: Actor, ref: string): Promise<Outcome<ApiRecord>> {
  const api = await findRecord(context, actor.workspaceId, 'api', ref)
  return api === undefined ? notFound('api', ref) : done(api)
}

/**
 * The name never changes: scopes such as `credentials:write:orders` carry it. Scopes may go while grants still name
 * them; such a grant gives nothing, since no route can ask for what the API does not have.
 */
export async function updateApi(
  context: Context,
  actor: Actor,
  ref: string,
  changes: Partial<ApiFields>,
  expected: Expected,
): Promise<Outcome<ApiRecord>> {
  const before = await findRecord(context, actor.workspaceId, 'api', ref)
  if (before === undefined) return notFound('api', ref)
  const refused = before.builtIn ? builtIn() : staleness(before.revision, expected)
  if (refused !== null) return refused
  const fields = withScopes({ ...before, ...changes }, changes)
  // An upstream that stays is not asked for again: its name may not resolve just now.
  const errors = await errorsOf(
    context,
    actor.workspaceId,
    fields,
    fields.upstream === before.upstream ? null : fields.upstream,
  )
  if (errors.length > 0) return invalid(...errors)
  const detail = changedMembers(changes)
  return replaceRow(context, actor, { table: 'api', before, expected, detail }, { ...before, ...fields })
}

/** Refused while a credential, a role or a ceiling names it. */
export async function deleteApi(
  context: Context,
  actor: Actor,
  ref: string,
  expected: Expected,
): Promise<Outcome<null>> {
  const api = await findRecord(context, actor.workspaceId, 'api', ref)
  if (api === undefined) return notFound('api', ref)
  const refused = api.builtIn ? builtIn() : staleness(api.revision, expected)
  if (refused !== null) return refused
  const referrer = await referrerOf(context, actor.workspaceId, api.id, (grant) => grant.apiId === api.id)
  if (referrer !== null)
    return failed({ code: 'CONFLICT', detail: `API ${api.name} is in use by ${referrer}` })
  const tokens = await leftoverTokens(context, actor.workspaceId, { apiId: api.id })
  if (tokens === null) return failed({ code: 'CONFLICT', detail: TOKENS_LEFT })
  const written = await write(context, actor, {
    deletes: [...tokens, { table: 'api', id: api.id, revision: api.revision }],
    action: 'api.delete',
    target: { table: 'api', id: api.id },
    detail: { name: api.name },
  })
  return written.ok ? done(null, written.position) : written
}

function builtIn(): ReturnType<typeof failed> {
  return failed({ code: 'CONFLICT', detail: 'the API credence is built in: it is never changed or deleted' })
}

/** Where no scopes are said, those that the routes name are the API's too. */
function withScopes<F extends ApiFields>(fields: F, given: Partial<ApiFields>): F & ApiFields {
  const isSilent = given.scopes === undefined && given.routes !== undefined
  const scopes = isSilent ? [...fields.scopes, ...scopesOfRoutes(given.routes)] : fields.scopes
  return { ...fields, ...normalized({ ...fields, scopes }) }
}

/**
 * The gateway's listener is one for all workspaces, and the longest base path wins: on a host that another workspace
 * uses, a mount would take over its traffic, credentials and all. So a host belongs to one workspace, and requests to
 * no named host belong to `default`.
 */
function foreignMountProblem(
  { directory, defaultWorkspaceId }: Context,
  workspaceId: string,
  host: string | null,
): string | null {
  if (host === null) {
    return workspaceId === defaultWorkspaceId
      ? null
      : 'is required: only the workspace default serves any host'
  }
  const isForeign = [...directory.all()].some(
    (api) => api.host === host && api.upstream !== null && api.workspaceId !== workspaceId,
  )
  return isForeign ? 'is not available to this workspace' : null
}

async function errorsOf(
  context: Context,
  workspaceId: string,
  fields: ApiFields,
  upstream: string | null,
): Promise<FieldError[]> {
  const errors = apiErrors(fields)
  const foreign = fields.upstream === null ? null : foreignMountProblem(context, workspaceId, fields.host)
  if (foreign !== null) errors.push({ field: 'host', detail: foreign })
  if (fields.identityToken && context.config.publicUrl === null) {
    const detail = 'needs an issuer to name: set CREDENCE_PUBLIC_URL'
    errors.push({ field: 'identity_token', detail })
  }
  const problem = upstream === null ? null : await upstreamRefusal(context, workspaceId, upstream)
  if (problem !== null) errors.push({ field: 'upstream', detail: problem })
  return errors
}
