import type { CredentialRecord, CredentialStatus, PrincipalRecord } from '@credence/core'
import type { Context } from '../context.ts'
import type { Cursor, ListFilters } from '../store/port.ts'
import type { UsageRow } from '../store/usage-port.ts'
import { credentialOf } from './credential-authority.ts'
import { findRecord } from './find.ts'
import { type GrantView, viewGrants, viewGrantsWith } from './grant-view.ts'
import type { Relations } from './issue-credential.ts'
import { type Actor, done, type FieldError, invalid, notFound, type Outcome } from './operation.ts'
import type { PageRequest } from './page-request.ts'

/** A credential with what its own record does not say. */
export interface CredentialView {
  readonly record: CredentialRecord
  readonly principal: Pick<PrincipalRecord, 'id' | 'name' | 'type' | 'externalId'>
  readonly grants: readonly GrantView[]
  /** By version and verdict; refusals of the proven credential included. */
  readonly usage: readonly UsageRow[]
  readonly nowMs: number
}

type Viewing = Pick<Context, 'store' | 'usageStore' | 'usage' | 'clock'>

/** Records with their names and usage, in their order. */
export async function viewCredentials(
  context: Viewing,
  records: readonly CredentialRecord[],
): Promise<CredentialView[]> {
  const written = await context.usageStore.usageOf(records.map((record) => record.id))
  const nowMs = context.clock()
  return Promise.all(
    records.map(async (record) => {
      const principal = await context.store.read('principal', record.principalId)
      return {
        record,
        principal: principal ?? { ...UNKNOWN_PRINCIPAL, id: record.principalId },
        grants: await viewGrants(context, record.grants),
        usage: [...(written.get(record.id) ?? []), ...context.usage.peek(record.id)],
        nowMs,
      }
    }),
  )
}

/** Between two reads a credential and its principal may both be deleted. */
const UNKNOWN_PRINCIPAL = { name: '', type: 'application', externalId: null } as const

export async function viewCredential(context: Viewing, record: CredentialRecord): Promise<CredentialView> {
  return (await viewCredentials(context, [record]))[0]!
}

/**
 * One that was just made, from what is known of it. Its usage is not asked for: it has been there for a moment, and what it
 * is proven by mostly stands in this answer.
 */
export function viewNewCredential(
  { clock }: Pick<Context, 'clock'>,
  record: CredentialRecord,
  { principal, ...rows }: Relations,
): CredentialView {
  const grants = viewGrantsWith(rows, record.grants)
  return { record, principal, grants, usage: [], nowMs: clock() }
}

export async function showCredential(
  context: Viewing,
  actor: Actor,
  id: string,
): Promise<Outcome<CredentialView>> {
  const record = await credentialOf(context, actor.workspaceId, id)
  return record === undefined ? notFound('credential', id) : done(await viewCredential(context, record))
}

/** All that are given must match. Principal and API by id or name. */
export interface CredentialFilters {
  readonly principal?: string
  readonly api?: string
  readonly kind?: string
  readonly status?: CredentialStatus
  readonly tag?: string
  readonly expiresBeforeMs?: number
  /** The credential that access tokens came from. */
  readonly parent?: string
}

export interface CredentialPage {
  readonly views: readonly CredentialView[]
  readonly next: Cursor | null
}

/** Newest first. */
export async function listCredentials(
  context: Viewing,
  actor: Actor,
  page: PageRequest,
  { principal, api, kind, status, tag, expiresBeforeMs, parent }: CredentialFilters,
): Promise<Outcome<CredentialPage>> {
  const { workspaceId } = actor
  const errors: FieldError[] = []
  const idOf = async (table: 'principal' | 'api', reference: string): Promise<string> => {
    const row = await findRecord(context, workspaceId, table, reference)
    // A name that was mistyped must not look like "nobody holds one".
    if (row === undefined) errors.push({ field: table, detail: `no ${table} ${JSON.stringify(reference)}` })
    return row?.id ?? ''
  }
  const filters: ListFilters = {
    ...(principal !== undefined && { principalId: await idOf('principal', principal) }),
    ...(api !== undefined && { apiId: await idOf('api', api) }),
    // Tokens are many and soon over: among them nobody would find the rest.
    ...(kind !== undefined ? { kind } : parent === undefined && { lasting: true }),
    ...(parent !== undefined && { parentId: parent }),
    ...(tag !== undefined && { tag }),
    ...statusFilters(status, expiresBeforeMs, context.clock()),
  }
  if (errors.length > 0) return invalid(...errors)
  const { records, next } = await context.store.list('credential', { workspaceId, ...page, filters })
  return done({ views: await viewCredentials(context, records), next })
}

/** A status as statusOf tells it, in columns; both bounds of a life are as verify has them. */
function statusFilters(
  status: CredentialStatus | undefined,
  expiresBeforeMs: number | undefined,
  nowMs: number,
): ListFilters {
  const ends = expiresBeforeMs === undefined ? {} : { expiresBeforeMs }
  switch (status) {
    case undefined:
      return ends
    case 'active':
      return { ...ends, state: 'active', notBeforeUntilMs: nowMs, expiresAfterMs: nowMs }
    case 'not_yet_valid':
      return { ...ends, state: 'active', notBeforeAfterMs: nowMs }
    case 'expired': {
      const overMs = nowMs + 1
      const beforeMs = Math.min(expiresBeforeMs ?? overMs, overMs)
      return { state: 'active', notBeforeUntilMs: nowMs, expiresBeforeMs: beforeMs }
    }
    case 'disabled':
    case 'quarantined':
    case 'revoked':
      return { ...ends, state: status }
  }
}
