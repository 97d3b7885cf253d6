import { isDeepStrictEqual } from 'node:util'
import { decryptJwe, type JweKey } from '../decrypt-jwe.ts'
import {
  JWE_REASONS,
  type JweHeader,
  type JweReason,
  jweRefused,
  parseUnverifiedJwe,
  type UnverifiedJwe,
} from '../jwe.ts'
import { isJweAlgorithm } from '../jwe-algorithm.ts'
import { JWS_FORM } from '../jws.ts'
import type { IssuerRecord } from '../records.ts'
import type { ProofContext, ProofResult } from './kind.ts'

/** JWE in compact serialization (RFC 7516 section 3.1); only `dir` and `ECDH-ES` have no encrypted key. */
export const JWE_FORM = /^[\w-]+\.[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+$/

export type OpenedToken =
  | {
      readonly type: 'opened'
      readonly token: string
      /** Of the encryption. */
      readonly header: JweHeader
      /** Whose keys decrypted it: what was encrypted for one issuer is no token of another. */
      readonly issuerIds: readonly string[]
    }
  | Extract<ProofResult, { type: 'refused' }>

/** Decrypts a token with the keys of issuers that are trusted here. What comes out is as unproven as any other token. */
export async function openToken(value: string, context: ProofContext): Promise<OpenedToken> {
  const jwe = parseUnverifiedJwe(value)
  if (!jwe.ok) return refusedFor(jwe.reason, jwe.detail)
  const owned = await ownedKeys(jwe, context)
  if ('type' in owned) return owned
  const selected = select(jwe, owned)
  if (!('issuerIds' in selected)) return refusedFor(selected.reason, selected.detail)
  const result = await decryptJwe(jwe, selected)
  if (!result.ok) return refusedFor(result.reason, result.detail)
  const token = Buffer.from(result.plaintext).toString('latin1')
  if (!JWS_FORM.test(token)) return refusedFor('not_signed', 'what was encrypted is no signed token')
  return { type: 'opened', token, header: jwe.header, issuerIds: selected.issuerIds }
}

/**
 * The claim that a header repeats with another value, or null (RFC 7519 section 5.3): whoever routed the token by its header
 * would have taken it for somebody else's.
 */
export function contradictedClaim(
  header: JweHeader,
  claims: Readonly<Record<string, unknown>>,
): string | null {
  const differs = (name: string) =>
    Object.hasOwn(header, name) && !isDeepStrictEqual(header[name], claims[name])
  return ['iss', 'sub', 'aud'].find(differs) ?? null
}

function refusedFor(reason: JweReason, detail: string): Extract<ProofResult, { type: 'refused' }> {
  return { type: 'refused', code: JWE_REASONS[reason], detail }
}

interface OwnedKey extends JweKey {
  readonly issuerId: string
}

/** Every key that a token may mean, by its `kid`. */
async function ownedKeys(
  { header }: UnverifiedJwe,
  { issuers, api, lookup, reading }: ProofContext,
): Promise<OwnedKey[] | Extract<ProofResult, { type: 'refused' }>> {
  const kid = header.kid ?? null
  const owned: OwnedKey[] = []
  for (const { id } of issuers.decrypting(kid, api)) {
    const issuer: IssuerRecord | undefined = await lookup.find('issuer', id, reading)
    // The directory is as new as the feed; the record is what counts.
    if (!issuer?.decryption || (api !== null && issuer.apiId !== api.id)) continue
    const keys = issuers.decryptionKeysOf(issuer)
    if (keys === null) {
      const detail = `the keys to decrypt with of issuer ${issuer.name} cannot be read`
      return { type: 'refused', code: 'UNAVAILABLE', detail }
    }
    const { encryptions } = issuer.decryption
    for (const key of keys) {
      if (kid === null || key.kid === kid) owned.push({ issuerId: id, key, encryptions })
    }
  }
  return owned
}

/** The one key, which several issuers may have: none is tried because another failed. */
function select(
  { header: { alg, kid } }: UnverifiedJwe,
  owned: readonly OwnedKey[],
): (JweKey & { readonly issuerIds: readonly string[] }) | ReturnType<typeof jweRefused> {
  if (!isJweAlgorithm(alg)) {
    const detail = `the algorithm ${JSON.stringify(alg.slice(0, 64))} is not allowed for encryption`
    return jweRefused('algorithm_not_allowed', detail)
  }
  if (owned.length === 0) {
    const which = kid === undefined ? '' : ' with this kid'
    return jweRefused('key_unknown', `no issuer that is trusted here has a key${which} to decrypt with`)
  }
  const fitting = owned.filter(({ key }) => key.algorithm === alg)
  const [first] = fitting
  if (first === undefined) return jweRefused('algorithm_not_allowed', `no key is for ${alg}`)
  if (!fitting.every(({ key }) => key.key.equals(first.key.key))) {
    return jweRefused('key_ambiguous', 'several keys may be meant, and none is tried')
  }
  const encryptions = first.encryptions.filter((name) =>
    fitting.every((other) => other.encryptions.includes(name)),
  )
  return { key: first.key, encryptions, issuerIds: fitting.map(({ issuerId }) => issuerId) }
}
