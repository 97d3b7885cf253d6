import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { RandomBytes } from './base62.ts'
import type { Jwk, KeyHandle } from './jwk.ts'
import { jwkThumbprint } from './jwk-thumbprint.ts'
import type { JwsAlgorithmName } from './jws-algorithm.ts'
import { JwsKeys } from './jws-keys.ts'
import type { SigningKeyRecord } from './records.ts'
import { openDigest, type SealContext, type SealingKeys, sealDigest } from './seal.ts'

/** A signing key, opened. */
export interface SigningKey {
  readonly kid: string
  readonly algorithm: JwsAlgorithmName
  /** As the world gets it: never with a private member. */
  readonly publicJwk: Jwk
  readonly verification: JwsKeys
  /** Null: it only verifies what it signed before. */
  readonly privateKey: KeyHandle | null
}

type Owner = Pick<SigningKeyRecord, 'id' | 'workspaceId'>

/** What is published of each kind of key: a list of what may leave, so that nothing else can. */
const PUBLIC_MEMBERS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['EC', ['kty', 'crv', 'x', 'y']],
  ['OKP', ['kty', 'crv', 'x']],
  ['RSA', ['kty', 'n', 'e']],
])

/** The public key in a JWK, with what RFC 7517 section 4 says of its use; null: it is no public or private key. */
export function publicJwkOf(jwk: Jwk, algorithm: JwsAlgorithmName): Jwk | null {
  const kid = jwkThumbprint(jwk)
  const names = PUBLIC_MEMBERS.get(jwk.kty)
  if (kid === null || names === undefined) return null
  return { ...Object.fromEntries(names.map((name) => [name, jwk[name]])), kid, alg: algorithm, use: 'sig' }
}

/**
 * Seals a key for its row. What it is sealed with names the row, and the row's id is the key's thumbprint: whoever can
 * write to the database can put no key of their own there, and none in the place of another.
 */
export function sealSigningKey(
  owner: Owner,
  { jwk, algorithm }: { readonly jwk: Jwk; readonly algorithm: JwsAlgorithmName },
  sealingKeys: SealingKeys,
  randomBytes: RandomBytes,
): string {
  const text = JSON.stringify({ ...jwk, alg: algorithm })
  return sealDigest(Buffer.from(text), contextOf(owner), sealingKeys, randomBytes)
}

/** The key of a row; null: it was not sealed for this row by this installation, and so is none of ours. */
export function openSigningKey(record: SigningKeyRecord, sealingKeys: SealingKeys): SigningKey | null {
  const { id: kid, algorithm } = record
  const opened = openDigest(record.sealedKey, contextOf(record), sealingKeys)
  if (opened === null) return null
  // Only what was sealed here opens, and that was a JWK.
  const jwk = JSON.parse(opened.toString()) as Jwk
  const publicJwk = publicJwkOf(jwk, algorithm)
  // A key signs by one algorithm for all its life (RFC 8725 section 3.1), so the row cannot say another one.
  if (publicJwk === null || publicJwk.kid !== kid || jwk.alg !== algorithm) return null
  const privateKey = 'd' in jwk ? createPrivateKey({ key: { ...jwk }, format: 'jwk' }) : null
  return { kid, algorithm, publicJwk, verification: new JwsKeys([publicJwk]), privateKey }
}

const opened = new WeakMap<SigningKeyRecord, SigningKey | null>()

/** The same, opened once for each record as it was read: a key costs more to read than a signature to check. */
export function cachedSigningKey(record: SigningKeyRecord, sealingKeys: SealingKeys): SigningKey | null {
  let key = opened.get(record)
  if (key === undefined) {
    key = openSigningKey(record, sealingKeys)
    opened.set(record, key)
  }
  return key
}

/** Whether what the key signed counts now. */
export function isTrusted(
  { state, trustedUntilMs }: Pick<SigningKeyRecord, 'state' | 'trustedUntilMs'>,
  nowMs: number,
): boolean {
  switch (state) {
    // Nodes hear of a rotation one after the other: what is `next` to one may sign already on another.
    case 'next':
    case 'current':
      return true
    case 'retired':
      return trustedUntilMs === null || nowMs < trustedUntilMs
    case 'revoked':
      return false
  }
}

/** The private half, as node:crypto takes it. */
export function privateKeyOf({ privateKey, kid }: SigningKey): KeyObject {
  if (privateKey === null) throw new Error(`The signing key ${kid} signs no more`)
  return privateKey as KeyObject
}

function contextOf({ id, workspaceId }: Owner): SealContext {
  return { workspaceId, kind: 'signing_key', credentialId: id, version: 1 }
}
