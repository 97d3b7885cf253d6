import type { ApiRecord, IssuerKeySource, IssuerRecord, Jwk } from '@credence/core'
import type { Context } from '../context.ts'
import { newId } from '../ids.ts'
import { sealSecrets } from '../issuers/sealed-secrets.ts'
import type { Page } from '../store/port.ts'
import { ADMIN_SCOPES } from './admin-scopes.ts'
import { type Refusal, writeRefusal } from './credential-authority.ts'
import { propagated } from './credential-states.ts'
import { decryptionFrom } from './decryption-fields.ts'
import { findRecord } from './find.ts'
import { type IdempotentRequest, idempotencyEntry } from './idempotency.ts'
import {
  discoveryUri,
  type GivenKeys,
  ISSUER_DEFAULTS,
  type IssuerFields,
  isForEncryption,
  issuerErrors,
} from './issuer-fields.ts'
import { type Actor, done, invalid, notFound, type Outcome } from './operation.ts'
import type { PageRequest } from './page-request.ts'
import { read } from './reading.ts'
import { changedMembers, type Expected, makeOnce, replaceRow, staleness } from './rows.ts'
import { standingPowerRefusal } from './standing-power.ts'
import { write } from './write.ts'

type Required = 'issuer' | 'audience' | 'algorithms' | 'keys'

export interface NewIssuer extends Pick<IssuerFields, Required>, Partial<Omit<IssuerFields, Required>> {
  readonly name: string
  /** Id or name; it never changes. */
  readonly api: string
}

export interface IssuerChanges extends Partial<IssuerFields> {
  readonly name?: string
  readonly disabled?: boolean
}

/** To trust an issuer is to hand out credentials of its API, and nobody hands out more on `credence` than they have. */
export function createIssuer(
  context: Context,
  actor: Actor,
  { name, api: reference, ...given }: NewIssuer,
  request: IdempotentRequest | null,
): Promise<Outcome<IssuerRecord>> {
  return makeOnce(context, actor, 'issuer', request, async () => {
    const api = await findRecord(context, actor.workspaceId, 'api', reference)
    const fields: IssuerFields = { ...ISSUER_DEFAULTS, ...given }
    // One that is not there is refused to whoever may not write the credentials of all of them.
    const refusal = writeRefusal(actor, [api?.name ?? '*'])
    if (refusal !== null) return refusal
    if (api === undefined) return invalid({ field: 'api', detail: `no API ${JSON.stringify(reference)}` })
    const nowMs = context.clock()
    const id = newId('issuer', context.randomBytes)
    const row = { id, workspaceId: actor.workspaceId, revision: 1, createdAtMs: nowMs, updatedAtMs: nowMs }
    const { keys, decryption: givenDecryption, ...others } = fields
    const decryption = await decryptionFrom(context, api, row, givenDecryption ?? null, null)
    const errors = [
      ...(await issuerErrors(context, api, fields, null)),
      ...(decryption.ok ? [] : decryption.errors),
    ]
    if (!decryption.ok || errors.length > 0) return invalid(...errors)
    const power = powerOver(actor, api, fields)
    if (power !== null) return power
    const record: IssuerRecord = {
      ...row,
      ...others,
      name,
      apiId: api.id,
      // Without keys there would have been an error.
      keySource: sourceOf(context, row, fields.issuer, keys!),
      decryption: decryption.value,
      disabledAtMs: null,
      revokedBeforeMs: null,
      revokedTokens: [],
      revokedPrincipals: [],
    }
    const written = await write(context, actor, {
      puts: [{ table: 'issuer', record }],
      expects: [{ table: 'api', id: api.id, revision: api.revision }],
      idempotency: idempotencyEntry(request, 'issuer', id, 201, nowMs),
      action: 'issuer.create',
      target: { table: 'issuer', id },
      detail: { name, api: api.name, issuer: record.issuer, audience: record.audience, keys: keys!.type },
    })
    return written.ok ? done(record, written.position) : written
  })
}

export async function listIssuers(
  { store }: Pick<Context, 'store'>,
  { workspaceId }: Actor,
  page: PageRequest,
  { api: reference, ...others }: { readonly api?: string; readonly name?: string },
): Promise<Outcome<Page<IssuerRecord>>> {
  if (reference === undefined)
    return done(await store.list('issuer', { workspaceId, ...page, filters: others }))
  const api = await findRecord({ store }, workspaceId, 'api', reference)
  if (api === undefined) return done({ records: [], next: null })
  return done(await store.list('issuer', { workspaceId, ...page, filters: { ...others, apiId: api.id } }))
}

export async function showIssuer(
  context: Pick<Context, 'store'>,
  actor: Actor,
  ref: string,
): Promise<Outcome<IssuerRecord>> {
  const issuer = await findRecord(context, actor.workspaceId, 'issuer', ref)
  return issuer === undefined ? notFound('issuer', ref) : done(issuer)
}

/** The API never changes: scopes and principals would mean something else. */
export async function updateIssuer(
  context: Context,
  actor: Actor,
  ref: string,
  changes: IssuerChanges,
  expected: Expected,
): Promise<Outcome<IssuerRecord>> {
  const before = await findRecord(context, actor.workspaceId, 'issuer', ref)
  if (before === undefined) return notFound('issuer', ref)
  const stale = staleness(before.revision, expected)
  if (stale !== null) return stale
  const { name = before.name, disabled, keys = null, decryption: givenDecryption, ...given } = changes
  const { decryption: hadDecryption, ...had } = before
  const fields: IssuerFields = { ...had, ...given, keys }
  const api = await context.store.read('api', before.apiId)
  // Nothing is made or left without its API, and none is read that is deleted in between.
  if (api === undefined) return notFound('issuer', ref)
  const isLess = disabled === true && Object.keys(changes).length === 1
  const refusal = isLess ? null : (writeRefusal(actor, [api.name]) ?? powerOver(actor, api, fields))
  if (refusal !== null) return refusal
  const decryption =
    givenDecryption === undefined
      ? read(hadDecryption)
      : await decryptionFrom(context, api, before, givenDecryption, hadDecryption)
  const errors = [
    ...(isLess ? [] : await issuerErrors(context, api, fields, before)),
    ...(decryption.ok ? [] : decryption.errors),
  ]
  if (!decryption.ok || errors.length > 0) return invalid(...errors)
  const after: IssuerRecord = {
    ...before,
    ...given,
    name,
    keySource: keys === null ? before.keySource : sourceOf(context, before, fields.issuer, keys),
    decryption: decryption.value,
    disabledAtMs: disabledAt(before, disabled, context.clock()),
  }
  const detail = changedMembers(changes)
  const written = await replaceRow(context, actor, { table: 'issuer', before, expected, detail }, after)
  return settledEverywhere(context, written)
}

export async function deleteIssuer(
  context: Context,
  actor: Actor,
  ref: string,
  expected: Expected,
): Promise<Outcome<null>> {
  const issuer = await findRecord(context, actor.workspaceId, 'issuer', ref)
  if (issuer === undefined) return notFound('issuer', ref)
  const stale = staleness(issuer.revision, expected)
  if (stale !== null) return stale
  const written = await write(context, actor, {
    deletes: [{ table: 'issuer', id: issuer.id, revision: issuer.revision }],
    action: 'issuer.delete',
    target: { table: 'issuer', id: issuer.id },
    detail: { name: issuer.name, issuer: issuer.issuer },
  })
  return settledEverywhere(context, written.ok ? done(null, written.position) : written)
}

/** To be trusted less is a revocation: it is acknowledged when every node acts on it. */
async function settledEverywhere<T>(context: Context, outcome: Outcome<T>): Promise<Outcome<T>> {
  if (outcome.ok && outcome.position !== null) await propagated(context, outcome.position, performance.now())
  return outcome
}

function disabledAt(before: IssuerRecord, disabled: boolean | undefined, nowMs: number): number | null {
  if (disabled === undefined) return before.disabledAtMs
  return disabled ? (before.disabledAtMs ?? nowMs) : null
}

/** Where tokens themselves say what they may do, they may come to say all that there is. */
function powerOver(actor: Actor, api: ApiRecord, { claims }: IssuerFields): Refusal | null {
  if (!api.builtIn) return null
  return standingPowerRefusal(actor, claims.scopes.from === 'mapping' ? claims.scopes.scopes : ADMIN_SCOPES)
}

function sourceOf(
  { sealingKeys, randomBytes }: Context,
  owner: Pick<IssuerRecord, 'id' | 'workspaceId'>,
  issuer: string,
  given: GivenKeys,
): IssuerKeySource {
  if (given.type === 'jwks_uri') return given
  if (given.type === 'discovery') return { type: 'discovery', uri: discoveryUri(issuer, given) }
  const keys = given.keys.filter((key) => !isForEncryption(key))
  if (!keys.some(({ kty }) => kty === 'oct')) return { type: 'jwks', keys }
  const shown = keys.map(({ k: _secret, ...others }: Jwk) => others)
  return { type: 'secrets', sealed: sealSecrets(owner, keys, sealingKeys, randomBytes), keys: shown }
}
