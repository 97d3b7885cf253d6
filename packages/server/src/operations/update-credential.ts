import type { ApiRecord, Binding, Conditions, CredentialRecord, Grant, Limit, Metadata } from '@credence/core'
import type { Context } from '../context.ts'
import {
  adminPowerOf,
  expected,
  grantedRows,
  powerRefusal,
  writableCredential,
  writeRefusal,
} from './credential-authority.ts'
import { timeErrors } from './credential-times.ts'
import { findRecord } from './find.ts'
import { bindingErrors, handleFor, withHandleField } from './kind-fields.ts'
import {
  type Actor,
  done,
  type FieldError,
  failed,
  invalid,
  lastingOnly,
  type OperationProblem,
  type Outcome,
} from './operation.ts'
import { type GrantArguments, resolveGrants, scopeErrors } from './resolve-grants.ts'
import { retried } from './retried.ts'
import { changedMembers, type Expected, staleness } from './rows.ts'
import { write } from './write.ts'

/** What is to change; what is absent stays. */
export interface CredentialChanges {
  /** In place of all grants. */
  readonly grants?: readonly GrantArguments[]
  /** For the API named, or the only one that the credential has a grant for. */
  readonly scopes?: ScopeChanges
  readonly name?: string | null
  readonly notBeforeMs?: number | null
  readonly expiresAtMs?: number | null
  readonly limits?: readonly Limit[]
  readonly conditions?: Conditions | null
  readonly binding?: Binding | null
  readonly metadata?: Metadata
  readonly tags?: readonly string[]
}

export interface ScopeChanges {
  readonly api: string | null
  readonly add: readonly string[]
  readonly remove: readonly string[]
}

type Updating = Pick<Context, 'store' | 'follower' | 'clock'>

/** Changes what a credential may do, when, and how it is described. Its secret stays. */
export function updateCredential(
  context: Updating,
  actor: Actor,
  id: string,
  changes: CredentialChanges,
  expectedRevisions: Expected,
): Promise<Outcome<CredentialRecord>> {
  // Tried again also where a revision is expected: the next attempt then finds that it is stale.
  return retried(() => update(context, actor, id, changes, expectedRevisions))
}

async function update(
  context: Updating,
  actor: Actor,
  id: string,
  changes: CredentialChanges,
  expectedRevisions: Expected,
): Promise<Outcome<CredentialRecord>> {
  const found = await writableCredential(context, actor, id)
  if (!found.ok) return found
  const { record: before, rows } = found.value
  // What it can do already counts too: a longer life for a stronger credential is power as well.
  const power = adminPowerOf(before, rows)
  const refusal = powerRefusal(actor, power && { ...power, expiresAtMs: actor.expiresAtMs })
  if (refusal !== null) return refusal
  const stale = staleness(before.revision, expectedRevisions)
  if (stale !== null) return stale
  if (before.kind === 'access_token') return lastingOnly('changed')
  if (before.state === 'revoked') {
    return failed({ code: 'CONFLICT', detail: 'a revoked credential does not change any more' })
  }
  if (Object.keys(changes).length === 0) return done(before)

  const nowMs = context.clock()
  const grants = await changedGrants(context, actor, before, changes)
  if (!grants.ok) return grants
  const { grants: _, scopes: __, ...members } = changes
  const keyErrors = members.binding === undefined ? [] : bindingErrors(before.kind, members.binding)
  if (keyErrors.length > 0) return invalid(...keyErrors)
  const record: CredentialRecord = {
    ...before,
    ...members,
    handle: members.binding === undefined ? before.handle : handleFor(before, members.binding),
    ...(members.tags && { tags: [...new Set(members.tags)] }),
    grants: grants.value,
    revision: before.revision + 1,
    updatedAtMs: nowMs,
  }
  const rowsAfter = await grantedRows(context, record)
  const errors = changedTimeErrors(before, record, rowsAfter.apis, nowMs)
  if (errors.length > 0) return invalid(...errors)
  const beyond = powerRefusal(actor, adminPowerOf(record, rowsAfter))
  if (beyond !== null) return beyond

  const written = await write(context, actor, {
    puts: [{ table: 'credential', record }],
    expects: [...expected(rows), ...expected(rowsAfter)],
    action: 'credential.update',
    target: { table: 'credential', id },
    detail: {
      ...changedMembers(changes),
      ...(record.handle !== before.handle && { from: before.handle, to: record.handle }),
    },
  })
  return written.ok ? done(record, written.position) : withHandleField(written, record.kind)
}

/** Only what is changed is checked: an end that has come already does not keep anybody from changing the name. */
function changedTimeErrors(
  before: CredentialRecord,
  after: CredentialRecord,
  apis: readonly ApiRecord[],
  nowMs: number,
): FieldError[] {
  const isEndNew = after.expiresAtMs !== before.expiresAtMs
  const areSame = !isEndNew && after.notBeforeMs === before.notBeforeMs && after.grants === before.grants
  if (areSame) return []
  return timeErrors(after, apis, before.createdAtMs, isEndNew ? nowMs : Number.NEGATIVE_INFINITY)
}

type GrantsOutcome =
  | { readonly ok: true; readonly value: readonly Grant[] }
  | { readonly ok: false; readonly problem: OperationProblem }

async function changedGrants(
  context: Updating,
  actor: Actor,
  before: CredentialRecord,
  changes: CredentialChanges,
): Promise<GrantsOutcome> {
  if (changes.grants !== undefined) {
    const resolution = await resolveGrants(context, actor, changes.grants)
    return resolution.ok ? { ok: true, value: resolution.grants } : resolution
  }
  if (changes.scopes === undefined) return { ok: true, value: before.grants }
  return changedScopes(context, actor, before, changes.scopes)
}

async function changedScopes(
  context: Updating,
  actor: Actor,
  before: CredentialRecord,
  { api: reference, add, remove }: ScopeChanges,
): Promise<GrantsOutcome> {
  const apiIds = [...new Set(before.grants.map((grant) => grant.apiId))]
  if (reference === null && apiIds.length !== 1) {
    return invalid({ field: 'api', detail: 'is required: the credential has grants for several APIs' })
  }
  const api = await findRecord(context, actor.workspaceId, 'api', reference ?? apiIds[0]!)
  const refusal = writeRefusal(actor, [api?.name ?? '*'])
  if (refusal !== null) return refusal
  if (api === undefined) return invalid({ field: 'api', detail: `no API ${JSON.stringify(reference)}` })
  const errors = await scopeErrors(context, api, add, 'add_scopes')
  const granted = before.grants.filter((grant) => grant.apiId === api.id)
  const scopes = granted.flatMap((grant) => grant.scopes)
  for (const [index, scope] of remove.entries()) {
    if (scopes.includes(scope)) continue
    const has = scopes.length === 0 ? 'none' : scopes.join(' ')
    const detail = `is not granted as such; the credential has, on ${api.name}: ${has}`
    errors.push({ field: `remove_scopes[${index}]`, detail })
  }
  if (errors.length > 0) return invalid(...errors)
  const left = new Set([...scopes.filter((scope) => !remove.includes(scope)), ...add])
  const roleIds = [...new Set(granted.flatMap((grant) => grant.roleIds))]
  const others = before.grants.filter((grant) => grant.apiId !== api.id)
  return { ok: true, value: [...others, { apiId: api.id, scopes: [...left], roleIds }] }
}
