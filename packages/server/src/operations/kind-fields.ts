import { type ApiRecord, type CredentialRecord, prefixOfKind, usernameProblem } from '@credence/core'
import type { Context } from '../context.ts'
import { makeKey } from './make-key.ts'
import { type Hashing, makePassword, type NewPassword, passwordErrors } from './new-password.ts'
import { type FieldError, failed, type OperationProblem } from './operation.ts'
import type { GrantArguments } from './resolve-grants.ts'

/** The kinds that are issued by name; access tokens come about in another way, and JWTs are somebody else's. */
export const ISSUED_KINDS = ['api_key', 'client_secret', 'basic'] as const
export type IssuedKind = (typeof ISSUED_KINDS)[number]

/** What is asked for when a credential is issued, and depends on its kind. */
export interface KindArguments {
  readonly kind: IssuedKind
  /** Of `basic`, as it was written. */
  readonly username: string | null
  /** Of `basic`; null: it is generated. */
  readonly password: string | null
}

/** What is wrong with the members that only some kinds have. */
export async function kindErrors(
  { kind, username: written, password }: KindArguments,
  principalName: string,
  grants: readonly GrantArguments[],
  apis: readonly ApiRecord[],
): Promise<FieldError[]> {
  if (kind !== 'basic') {
    const misplaced = Object.entries({ username: written, password }).filter(([, value]) => value !== null)
    return misplaced.map(([field]) => ({ field, detail: 'is for credentials of kind basic only' }))
  }
  const homeless = apis.findIndex((api) => api.builtIn)
  const errors: FieldError[] =
    homeless === -1
      ? []
      : [{ field: `${grants[homeless]!.at}api`, detail: `${apis[homeless]!.name} accepts no HTTP Basic` }]
  if (written === null) return [...errors, { field: 'username', detail: 'is required for kind basic' }]
  const username = written.normalize('NFC')
  const problem = usernameProblem(username)
  if (problem !== null) errors.push({ field: 'username', detail: `must be ${problem}` })
  return [...errors, ...(await passwordErrors(password, username, principalName))]
}

/** What a new credential is found by, beside or instead of its id. */
export function placeOf(
  { kind, username }: KindArguments,
  keyPrefix: string,
): Pick<CredentialRecord, 'kind' | 'keyPrefix' | 'handle'> {
  if (kind === 'basic') return { kind, keyPrefix: '', handle: username!.normalize('NFC') }
  return { kind, keyPrefix: prefixOfKind(kind, keyPrefix), handle: null }
}

/** One more secret of a credential, by its kind; a password may be chosen. */
export async function makeSecret(
  context: Hashing,
  credential: Pick<CredentialRecord, 'id' | 'workspaceId' | 'kind' | 'keyPrefix' | 'versions'>,
  version: number,
  password: string | null,
): Promise<NewPassword | 'known'> {
  if (credential.kind === 'basic') {
    return makePassword(context, credential, credential.versions, version, password)
  }
  const { key, sealedDigest } = makeKey(context, credential, version)
  return { secret: key, sealedDigest }
}

/** A handle is what callers know as a username. */
export function withUsername<T extends { readonly problem: OperationProblem }>(refusal: T) {
  const { conflict } = refusal.problem
  if (conflict?.type !== 'taken' || conflict.field !== 'handle') return refusal
  const detail = 'this username is taken by another credential of the workspace'
  return failed({ code: 'CONFLICT', detail, errors: [{ field: 'username', detail: 'is taken' }], conflict })
}

/** What is wrong with a password for a credential that is rotated. */
export async function rotationErrors(
  { store }: Pick<Context, 'store'>,
  record: CredentialRecord,
  password: string | null,
): Promise<FieldError[]> {
  if (password === null) return []
  if (record.kind !== 'basic') {
    return [
      { field: 'password', detail: `is for credentials of kind basic; this one is of kind ${record.kind}` },
    ]
  }
  const principal = await store.read('principal', record.principalId)
  return passwordErrors(password, record.handle ?? '', principal?.name ?? '')
}
