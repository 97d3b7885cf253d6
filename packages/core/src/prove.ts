import { comesByBasic } from './basic-credentials.ts'
import type { Reading } from './cached-lookup.ts'
import type { Presented } from './extract.ts'
import { keyKindOf } from './key.ts'
import type { Kind, ProofResult } from './kinds/kind.ts'
import { KINDS } from './kinds/kinds.ts'
import type { OwnTokens } from './own-tokens.ts'
import type { Proven } from './proof-cache.ts'
import { tokenStillProves } from './proven-token.ts'
import type { ApiRecord, CredentialKind, CredentialRecord } from './records.ts'
import { isTrusted } from './signing-key.ts'
import type { Verifier, VerifyRequest } from './verify-request.ts'

/** A kind's answer, or the refusal of an earlier check, which it names. */
export type CallerProof =
  | (Extract<ProofResult, { type: 'proven' }> & { readonly kind: CredentialKind })
  | Extract<ProofResult, { type: 'refused' }>

/**
 * Proves what was presented: by the proof of an earlier request, where the record still bears it out, else by its kind,
 * which refuses in a way that does not tell whether the id exists.
 */
export async function prove(
  presented: Presented,
  proofKey: string,
  api: ApiRecord | null,
  accepts: readonly CredentialKind[],
  reading: Reading,
  { ip: address, secure, exchange }: Pick<VerifyRequest, 'ip' | 'secure' | 'exchange'>,
  { lookup, proofs, sealingKeys, pace, issuers, ownTokens, clientKeys, passwords, clock }: Verifier,
): Promise<CallerProof> {
  const kind = kindOf(presented, ownTokens)
  if (kind === undefined) return refusedForeign(presented)
  if (!accepts.includes(kind.kind)) {
    const detail = `${kind.kind} is not among ${accepts.join(', ')}`
    return { type: 'refused', check: 'kind', code: 'KIND_NOT_ACCEPTED', detail }
  }
  // Base64 hides nothing (RFC 7617 section 4).
  if (comesByBasic(kind.kind) && !secure) {
    const detail = `${kind.kind} is taken over TLS only, and the request came without`
    return { type: 'refused', check: 'tls', code: 'TLS_REQUIRED', detail }
  }
  const remembers = kind.remembersItself !== true
  const proven = reading.from === 'store' || !remembers ? undefined : proofs.get(proofKey)
  if (proven !== undefined) {
    const known = await recallProof(proven, api, reading, { lookup, clock })
    if (known !== null) return { ...known, kind: kind.kind }
    proofs.delete(proofKey)
  }
  const result = await kind.prove(presented, {
    ...{ lookup, sealingKeys, reading, pace, issuers, ownTokens, clientKeys, api, clock, passwords, address },
    workspaceId: api?.workspaceId ?? exchange?.workspaceId ?? null,
  })
  if (result.type === 'refused') return result
  if (!remembers) return { ...result, kind: kind.kind }
  const { credential, version, token } = result
  if (token !== undefined) {
    proofs.set(proofKey, { credentialId: credential.id, version, sealedDigest: '', token })
    return { ...result, kind: kind.kind }
  }
  const { sealedDigest } = credential.versions.find((candidate) => candidate.version === version)!
  const signed = result.signedBy === undefined ? {} : { signedBy: result.signedBy.id }
  proofs.set(proofKey, { credentialId: credential.id, version, sealedDigest, ...signed })
  return { ...result, kind: kind.kind }
}

/** What an earlier request proved, where the records still bear it out. */
async function recallProof(
  proven: Proven,
  api: ApiRecord | null,
  reading: Reading,
  { lookup, clock }: Pick<Verifier, 'lookup' | 'clock'>,
): Promise<Extract<ProofResult, { type: 'proven' }> | null> {
  const { token, version } = proven
  if (token !== undefined) {
    if (!(await tokenStillProves(token, api, lookup, reading))) return null
    return { type: 'proven', credential: token.credential, version, token }
  }
  const credential = await lookup.find('credential', proven.credentialId, reading)
  if (credential === undefined || !stillHolds(proven, credential)) return null
  if (proven.signedBy === undefined) return { type: 'proven', credential, version }
  const signedBy = await lookup.find('signing_key', proven.signedBy, reading)
  if (signedBy === undefined || !isTrusted(signedBy, clock())) return null
  return { type: 'proven', credential, version, signedBy }
}

/** By its form alone. */
export function kindOf(presented: Presented, ownTokens: OwnTokens): Kind | undefined {
  return KINDS.find((kind) => kind.recognizes(presented, ownTokens))
}

/** A proof from before counts while the record still holds the very digest that it was made against. */
function stillHolds({ version, sealedDigest }: Proven, credential: CredentialRecord): boolean {
  return credential.versions.find((candidate) => candidate.version === version)?.sealedDigest === sealedDigest
}

function refusedForeign({ value }: Presented): CallerProof {
  const detail =
    keyKindOf(value) === 'client_secret'
      ? 'a client secret, which is presented beside its client id by HTTP Basic, and in no other way'
      : 'what was presented has the form of no kind of credential'
  return { type: 'refused', check: 'extract', code: 'MALFORMED', detail }
}
