import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import {
  type ApiRecord,
  type DecryptionKey,
  type IssuerDecryption,
  type IssuerRecord,
  JWE_ENCRYPTION_NAMES,
  JWE_ENCRYPTIONS,
  type JweEncryptionName,
  type Jwk,
  jwkThumbprint,
  MAX_DECRYPTION_KEYS,
  readDecryptionKey,
} from '@credence/core'
import type { Context } from '../context.ts'
import { administrationKidProblem } from '../issuers/issuer-directory.ts'
import { openDecryptionKeys, sealDecryptionKeys } from '../issuers/sealed-secrets.ts'
import type { FieldError } from './operation.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { weakSecretProblem } from './weak-secret.ts'

/** For what a key pair can be made here, whose public half the issuer is then given. */
export const GENERATED_ALGORITHMS = ['ECDH-ES+A256KW', 'ECDH-ES+A128KW', 'ECDH-ES', 'RSA-OAEP-256'] as const

/** What callers say of the keys to decrypt with: those that are made, given and kept, in this order, are all there are. */
export interface GivenDecryption {
  /** Null: none is made. */
  readonly generate: (typeof GENERATED_ALGORITHMS)[number] | null
  /** Private keys and secrets. */
  readonly keys: readonly Jwk[]
  /** `kid` of keys that the issuer has. */
  readonly keep: readonly string[]
  /** Null: those that it has, else all. */
  readonly encryptions: readonly JweEncryptionName[] | null
}

type Host = Pick<Context, 'sealingKeys' | 'randomBytes' | 'defaultWorkspaceId'>
type Owner = Pick<IssuerRecord, 'id' | 'workspaceId'>

/** A key and where it was said, for whoever has to mend it. */
interface Placed {
  readonly field: string
  readonly jwk: Jwk
}

/** The record of what is given, with everything sealed; or all that is wrong with it. @param before what the issuer has */
export async function decryptionFrom(
  context: Host,
  api: ApiRecord,
  owner: Owner,
  given: GivenDecryption | null,
  before: IssuerDecryption | null,
): Promise<Reading<IssuerDecryption | null>> {
  if (given === null) return read(null)
  const kept = keptKeys(context, owner, given.keep, before)
  if (!kept.ok) return kept
  const placed: Placed[] = [
    ...(given.generate === null ? [] : [await generatedKey(given.generate, api)]),
    ...given.keys.map((jwk, index) => ({ field: `decryption.jwks.keys[${index}]`, jwk })),
    ...kept.value,
  ]
  const encryptions = given.encryptions ?? before?.encryptions ?? JWE_ENCRYPTION_NAMES
  const errors = [...sizeErrors(placed), ...keyErrors(context, api, placed, encryptions)]
  if (errors.length > 0) return { ok: false, errors }
  const jwks = placed.map(({ jwk }) => jwk)
  return read({
    sealed: sealDecryptionKeys(owner, jwks, context.sealingKeys, context.randomBytes),
    keys: jwks.map(readDecryptionKey).flatMap((reading) => (reading.ok ? [reading.key.shown] : [])),
    encryptions: [...encryptions],
  })
}

function keptKeys(
  { sealingKeys }: Host,
  owner: Owner,
  keep: readonly string[],
  before: IssuerDecryption | null,
): Reading<readonly Placed[]> {
  if (keep.length === 0) return read([])
  const jwks = before === null ? [] : openDecryptionKeys(owner, before.sealed, sealingKeys)
  if (jwks === null)
    return unreadable('decryption.keep', 'the keys that the issuer has cannot be read; give new ones')
  const kept = keep.map((kid, index) => ({
    field: `decryption.keep[${index}]`,
    jwk: jwks.find((jwk) => jwk.kid === kid),
  }))
  const missing = kept.find(({ jwk }) => jwk === undefined)
  return missing === undefined
    ? read(kept.map(({ field, jwk }) => ({ field, jwk: jwk! })))
    : unreadable(missing.field, 'is the kid of no key that the issuer has')
}

function sizeErrors(placed: readonly Placed[]): FieldError[] {
  if (placed.length === 0)
    return [{ field: 'decryption', detail: 'holds no key: give jwks, generate or keep; or null' }]
  return placed.length <= MAX_DECRYPTION_KEYS
    ? []
    : [{ field: 'decryption', detail: `holds more than ${MAX_DECRYPTION_KEYS} keys` }]
}

function keyErrors(
  context: Host,
  api: ApiRecord,
  placed: readonly Placed[],
  encryptions: readonly JweEncryptionName[],
): FieldError[] {
  return placed.flatMap(({ field, jwk }, index) => {
    const reading = readDecryptionKey(jwk)
    if (!reading.ok) return [{ field, detail: reading.problem }]
    const { kid } = reading.key
    if (placed.slice(0, index).some((other) => other.jwk.kid === kid))
      return [{ field, detail: 'has the kid of an earlier key' }]
    const detail =
      (api.builtIn ? administrationKidProblem(kid, api.workspaceId, context.defaultWorkspaceId) : null) ??
      secretProblem(reading.key, jwk, encryptions)
    return detail === null ? [] : [{ field, detail }]
  })
}

function secretProblem(
  { algorithm, bytes }: DecryptionKey,
  jwk: Jwk,
  encryptions: readonly JweEncryptionName[],
): string | null {
  if (jwk.kty !== 'oct') return null
  // That it is base64url was found as it was read.
  const weakness = weakSecretProblem(Buffer.from(String(jwk.k), 'base64url'))
  if (weakness !== null || algorithm !== 'dir') return weakness
  const fitting = encryptions.filter((name) => JWE_ENCRYPTIONS[name].keyBytes === bytes)
  if (fitting.length === 1) return null
  // One secret is the key of one algorithm (RFC 7518 section 8.2), and two of them want 32 bytes.
  return fitting.length === 0
    ? `is as long as the key of none of ${encryptions.join(', ')}`
    : `goes with each of ${fitting.join(', ')}; name one of them alone in decryption.encryptions`
}

const makePair = promisify(generateKeyPair)
/** As strong as 128 bits (NIST SP 800-57 part 1), as P-256 is. */
const RSA_BITS = 3072

async function generatedKey(
  algorithm: (typeof GENERATED_ALGORITHMS)[number],
  api: ApiRecord,
): Promise<Placed> {
  const { privateKey }: { privateKey: KeyObject } =
    algorithm === 'RSA-OAEP-256'
      ? await makePair('rsa', { modulusLength: RSA_BITS })
      : await makePair('ec', { namedCurve: 'P-256' })
  const jwk = privateKey.export({ format: 'jwk' })
  const thumbprint = jwkThumbprint(jwk)
  const kid = api.builtIn ? `${api.workspaceId}-${thumbprint}` : thumbprint
  return { field: 'decryption.generate', jwk: { ...jwk, kid, alg: algorithm, use: 'enc' } }
}
