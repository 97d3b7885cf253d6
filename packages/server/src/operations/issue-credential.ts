import {
  type ApiRecord,
  type Conditions,
  type CredentialRecord,
  generateId,
  type Limit,
  type Metadata,
  type PrincipalRecord,
  STANDING_ALONE,
} from '@credence/core'
import type { Context } from '../context.ts'
import { looksLikeId } from '../ids.ts'
import type { IdempotencyEntry, Put, RowAt } from '../store/port.ts'
import {
  adminPowerOf,
  expected,
  type GrantedRows,
  powerRefusal,
  writableCredential,
} from './credential-authority.ts'
import { timeErrors } from './credential-times.ts'
import { findRecord } from './find.ts'
import { type IdempotentRequest, idempotencyEntry, once } from './idempotency.ts'
import { type KindArguments, kindErrors, makeSecret, placeOf, withHandleField } from './kind-fields.ts'
import type { Hashing } from './new-password.ts'
import {
  type Actor,
  done,
  type FieldError,
  failed,
  invalid,
  notFound,
  type OperationProblem,
  type Outcome,
} from './operation.ts'
import { newPrincipal } from './principals.ts'
import { type GrantArguments, resolveGrants } from './resolve-grants.ts'
import { retried } from './retried.ts'
import { write } from './write.ts'

export interface IssueArguments extends KindArguments {
  readonly grants: readonly GrantArguments[]
  /** By name or id; a name that nobody has becomes an application. */
  readonly principal: string
  /** Given to the principal when it is made. */
  readonly externalId: string | null
  readonly name: string | null
  readonly notBeforeMs: number | null
  readonly expiresAtMs: number | null
  readonly limits: readonly Limit[]
  readonly conditions: Conditions | null
  readonly metadata: Metadata
  readonly tags: readonly string[]
}

export interface Issued {
  readonly record: CredentialRecord
  /** What to hand out, this once. Null in a replay, for a password that the caller has chosen, and for a client key. */
  readonly secret: string | null
  /** Whether it was handed out to the request that came first with this Idempotency-Key. */
  readonly wasShown: boolean
  /** What it refers to, where it has just been made; null: it is older, and may have been used. */
  readonly relations: Relations | null
}

/** The rows that a credential refers to. */
export interface Relations extends GrantedRows {
  readonly principal: PrincipalRecord
}

type Issuing = Pick<Context, 'store' | 'follower' | 'clock'> & Hashing

/** Issues a credential, and makes its principal where there is none. */
export function issueCredential(
  context: Issuing,
  actor: Actor,
  args: IssueArguments,
  idempotent: IdempotentRequest | null,
): Promise<Outcome<Issued>> {
  // A principal of this name that somebody makes in between is as good as one that was there.
  const attempt = () =>
    retried(
      () => issue(context, actor, args, idempotent),
      ({ table, field }) => table === 'principal' && field === 'name',
    )
  return once(context, idempotent, attempt, (entry) => replayIssued(context, actor, entry))
}

async function issue(
  context: Issuing,
  actor: Actor,
  args: IssueArguments,
  idempotent: IdempotentRequest | null,
): Promise<Outcome<Issued>> {
  const { workspaceId } = actor
  const resolution = await resolveGrants(context, actor, args.grants)
  if (!resolution.ok) return resolution
  const { grants, rows } = resolution
  const nowMs = context.clock()
  const principal = await principalFor(context, actor, args)
  const principalName = principal.ok ? principal.record.name : args.principal
  const errors = [
    ...timeErrors(args, rows.apis, nowMs, nowMs),
    ...(await kindErrors(args, principalName, args.grants, rows.apis)),
  ]
  if (!principal.ok) return invalidOr(principal.problem, errors)
  if (errors.length > 0) return invalid(...errors)

  const keyPrefix = rows.apis[0]!.keyPrefix ?? (await context.store.read('workspace', workspaceId))?.keyPrefix
  if (keyPrefix === undefined) return notFound('workspace', workspaceId)
  const principalId = principal.record.id
  const made = { principalId, grants, keyPrefix, nowMs }
  const { record, secret } = await newCredential(context, actor, args, made)
  const refusal = powerRefusal(actor, adminPowerOf(record, rows))
  if (refusal !== null) return refusal

  const written = await write(context, actor, {
    puts: [...principal.puts, { table: 'credential', record }],
    expects: [...expected(rows), ...principal.expects],
    idempotency: idempotencyEntry(idempotent, 'credential', record.id, 201, nowMs),
    action: 'credential.issue',
    target: { table: 'credential', id: record.id },
    detail: {
      kind: record.kind,
      principal: record.principalId,
      grants: grantsForTrail(grants, rows.apis),
      expires_at_ms: record.expiresAtMs,
      ...(record.binding !== null && { bound_by: record.binding.type, to: record.binding.thumbprint }),
    },
  })
  return written.ok
    ? done(
        { record, secret, wasShown: false, relations: { ...rows, principal: principal.record } },
        written.position,
      )
    : withHandleField(written, record.kind)
}

async function newCredential(
  context: Issuing,
  actor: Actor,
  args: IssueArguments,
  made: Pick<CredentialRecord, 'principalId' | 'grants' | 'keyPrefix'> & { readonly nowMs: number },
): Promise<{ readonly record: CredentialRecord; readonly secret: string | null }> {
  const { name, notBeforeMs, expiresAtMs, limits, conditions, binding, metadata, tags, password } = args
  const { nowMs, principalId, grants } = made
  const { handle, ...place } = placeOf(args, made.keyPrefix)
  const id = generateId(context.randomBytes)
  const identity = { id, workspaceId: actor.workspaceId, ...place }
  const first = await makeSecret(context, { ...identity, versions: [] }, 1, password)
  if (first === 'known') throw new Error('A credential without versions knew a password')
  const { secret, sealedDigest } = first
  const record: CredentialRecord = {
    ...identity,
    revision: 1,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    principalId,
    name,
    state: 'active',
    stateReason: null,
    stateChangedAtMs: null,
    notBeforeMs,
    expiresAtMs,
    grants,
    conditions,
    limits,
    metadata,
    tags: [...new Set(tags)],
    versions: [{ version: 1, sealedDigest, createdAtMs: nowMs, endsAtMs: null, revokedAtMs: null }],
    issuedBy: actor.credentialId,
    ...STANDING_ALONE,
    handle,
    binding,
  }
  return { record, secret }
}

/** What a request with the same key made before, without its secret, as far as the actor may still write it. */
export async function replayIssued(
  context: Pick<Context, 'store'>,
  actor: Actor,
  entry: IdempotencyEntry,
): Promise<Outcome<Issued>> {
  const found = await writableCredential(context, actor, entry.id)
  if (!found.ok) return found
  const { record } = found.value
  return done({ record, secret: null, wasShown: record.kind !== 'client_key', relations: null })
}

/** Grants as the audit trail names them: readable, also when an API is gone later. */
export function grantsForTrail(grants: CredentialRecord['grants'], apis: readonly ApiRecord[]): unknown[] {
  return grants.map(({ apiId, scopes, roleIds }) => {
    const api = apis.find(({ id }) => id === apiId)?.name ?? apiId
    return { api, scopes: [...scopes], roles: [...roleIds] }
  })
}

type PrincipalResolution =
  | {
      readonly ok: true
      readonly record: PrincipalRecord
      readonly puts: readonly Put[]
      readonly expects: readonly RowAt[]
    }
  | { readonly ok: false; readonly problem: OperationProblem }

async function principalFor(
  context: Issuing,
  actor: Actor,
  { principal: reference, externalId }: IssueArguments,
): Promise<PrincipalResolution> {
  const found = await findRecord(context, actor.workspaceId, 'principal', reference)
  if (found !== undefined) {
    if (externalId !== null && found.externalId !== externalId) {
      const has = found.externalId === null ? 'no external_id' : 'another external_id'
      const detail = `principal ${JSON.stringify(found.name)} has ${has}; PATCH /v1/principals/${found.id} changes it`
      return failed({ code: 'CONFLICT', detail, errors: [{ field: 'external_id', detail: 'differs' }] })
    }
    const expects: RowAt[] = [{ table: 'principal', id: found.id, revision: found.revision }]
    return { ok: true, record: found, puts: [], expects }
  }
  if (looksLikeId(reference)) return invalid({ field: 'principal', detail: `no principal ${reference}` })
  const made = newPrincipal(context, actor.workspaceId, reference, 'application')
  const record = { ...made, externalId }
  return { ok: true, record, puts: [{ table: 'principal', record }], expects: [] }
}

/** A caller mends a request once: what is wrong with the principal comes together with the rest. */
function invalidOr(problem: OperationProblem, others: readonly FieldError[]): ReturnType<typeof failed> {
  if (problem.code !== 'VALIDATION_FAILED') return failed(problem)
  return invalid(...(problem.errors ?? []), ...others)
}
