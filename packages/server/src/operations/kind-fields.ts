import {
  type ApiRecord,
  assertionKeyOf,
  type Binding,
  type CredentialRecord,
  prefixOfKind,
  signingKeyOf,
  usernameProblem,
} from '@credence/core'
import type { Context } from '../context.ts'
import { makeKey } from './make-key.ts'
import { type Hashing, makePassword, type NewPassword, passwordErrors } from './new-password.ts'
import { type FieldError, failed, type OperationProblem } from './operation.ts'
import type { GrantArguments } from './resolve-grants.ts'

/** The kinds that are issued by name; access tokens come about in another way, and JWTs are somebody else's. */
export const ISSUED_KINDS = ['api_key', 'client_secret', 'client_key', 'basic'] as const
export type IssuedKind = (typeof ISSUED_KINDS)[number]

/** What is asked for when a credential is issued, and depends on its kind. */
export interface KindArguments {
  readonly kind: IssuedKind
  /** Of `basic`, as it was written. */
  readonly username: string | null
  /** Of `basic`; null: it is generated. */
  readonly password: string | null
  /** Of `client_key`: what it is presented by. */
  readonly binding: Binding | null
}

/** What is wrong with the members that only some kinds have. */
export async function kindErrors(
  { kind, username: written, password, binding }: KindArguments,
  principalName: string,
  grants: readonly GrantArguments[],
  apis: readonly ApiRecord[],
): Promise<FieldError[]> {
  if (kind !== 'basic') {
    const misplaced = Object.entries({ username: written, password }).filter(([, value]) => value !== null)
    return [
      ...misplaced.map(([field]) => ({
        field,
        detail: `is for credentials of kind basic, and this one is of kind ${kind}`,
      })),
      ...(kind === 'client_key' ? homeErrors(grants, apis, 'client keys') : []),
      ...bindingErrors(kind, binding),
    ]
  }
  const errors = [...homeErrors(grants, apis, 'HTTP Basic'), ...bindingErrors(kind, binding)]
  if (written === null) return [...errors, { field: 'username', detail: 'is required for kind basic' }]
  const username = written.normalize('NFC')
  const problem = usernameProblem(username)
  if (problem !== null) errors.push({ field: 'username', detail: `must be ${problem}` })
  return [...errors, ...(await passwordErrors(password, username, principalName))]
}

/** Administration takes nothing of this. */
function homeErrors(
  grants: readonly GrantArguments[],
  apis: readonly ApiRecord[],
  what: string,
): FieldError[] {
  const homeless = apis.findIndex((api) => api.builtIn)
  return homeless === -1
    ? []
    : [{ field: `${grants[homeless]!.at}api`, detail: `${apis[homeless]!.name} accepts no ${what}` }]
}

/** What is wrong with the key that a credential is bound to, or that it is. */
export function bindingErrors(kind: CredentialRecord['kind'], binding: Binding | null): FieldError[] {
  if (kind === 'client_key') return clientKeyErrors(binding)
  const problem = binding?.type === 'signature' ? signingKeyOf(binding.key) : null
  return typeof problem === 'string' ? [{ field: 'binding.jwk', detail: problem }] : []
}

function clientKeyErrors(binding: Binding | null): FieldError[] {
  switch (binding?.type) {
    case undefined:
      return [
        {
          field: 'binding',
          detail:
            'is the credential, of kind client_key: type signature with the jwk of the client, or mtls with its certificate',
        },
      ]
    case 'dpop':
      return [
        {
          field: 'binding.type',
          detail:
            'must be signature (private_key_jwt) or mtls for kind client_key; dpop is a proof beside another credential',
        },
      ]
    case 'mtls':
      return []
    case 'signature': {
      const problem = assertionKeyOf(binding.key)
      return typeof problem === 'string' ? [{ field: 'binding.jwk', detail: problem }] : []
    }
  }
}

/** What a credential is found by after its key has become another. */
export function handleFor({ kind, handle }: CredentialRecord, binding: Binding | null): string | null {
  return kind === 'client_key' ? (binding?.thumbprint ?? null) : handle
}

/** What a new credential is found by, beside or instead of its id. */
export function placeOf(
  { kind, username, binding }: KindArguments,
  keyPrefix: string,
): Pick<CredentialRecord, 'kind' | 'keyPrefix' | 'handle'> {
  if (kind === 'basic') return { kind, keyPrefix: '', handle: username!.normalize('NFC') }
  if (kind === 'client_key') return { kind, keyPrefix: '', handle: binding!.thumbprint }
  return { kind, keyPrefix: prefixOfKind(kind, keyPrefix), handle: null }
}

/** One more secret of a credential, by its kind; a password may be chosen, and a client key has none. */
export async function makeSecret(
  context: Hashing,
  credential: Pick<CredentialRecord, 'id' | 'workspaceId' | 'kind' | 'keyPrefix' | 'versions'>,
  version: number,
  password: string | null,
): Promise<NewPassword | 'known'> {
  if (credential.kind === 'client_key') return { secret: null, sealedDigest: '' }
  if (credential.kind === 'basic') {
    return makePassword(context, credential, credential.versions, version, password)
  }
  const { key, sealedDigest } = makeKey(context, credential, version)
  return { secret: key, sealedDigest }
}

/** A handle is what callers know as a username, or as the key of a client. */
export function withHandleField<T extends { readonly problem: OperationProblem }>(
  refusal: T,
  kind: CredentialRecord['kind'],
) {
  const { conflict } = refusal.problem
  if (conflict?.type !== 'taken' || conflict.field !== 'handle') return refusal
  const [field, what] =
    kind === 'client_key' ? (['binding', 'key'] as const) : (['username', 'username'] as const)
  const detail = `this ${what} is taken by another credential of the workspace`
  return failed({ code: 'CONFLICT', detail, errors: [{ field, detail: 'is taken' }], conflict })
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
