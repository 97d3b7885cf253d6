import { LookupUnavailable } from '../cached-lookup.ts'
import { isThumbprint } from '../confirmation.ts'
import type { Presented } from '../extract.ts'
import { JWS_FORM, JWS_REASONS, parseUnverifiedJws, type UnverifiedJws, verifyParsedJws } from '../jws.ts'
import { checkJwtClaims, type JwtClaims } from '../jwt-claims.ts'
import { isCredentialId, keyKindOf } from '../key.ts'
import { NO_OWN_TOKENS, type OwnTokens } from '../own-tokens.ts'
import type { CredentialRecord, SigningKeyRecord } from '../records.ts'
import { cachedSigningKey, isTrusted } from '../signing-key.ts'
import type { DenialCode } from '../verdict.ts'
import type { Kind, ProofContext, ProofResult } from './kind.ts'
import { proveSealedSecret } from './sealed-secret.ts'

/**
 * Our own access tokens, opaque or JWTs (RFC 9068): narrower and shorter than the credential that each came from, and
 * dead with it. Each has a record, by its id or `jti`, so that a JWT too can be taken back.
 */
export const accessTokenKind: Kind = {
  kind: 'access_token',
  recognizes: ({ scheme, value }, ownTokens = NO_OWN_TOKENS) =>
    scheme !== 'basic' && (keyKindOf(value) === 'access_token' || isOurJwt(value, ownTokens)),
  prove: (presented, context) =>
    keyKindOf(presented.value) === null
      ? proveJwt(presented, context)
      : proveSealedSecret('access_token', presented.value, context),
}

/** `typ` of an access token (RFC 9068 section 2.1). */
export const ACCESS_TOKEN_TYPE = 'at+jwt'

function isOurJwt(value: string, ownTokens: OwnTokens): boolean {
  return JWS_FORM.test(value) && ownTokens.issuerIn(value) !== null
}

type Refused = Extract<ProofResult, { type: 'refused' }>

/** The signature first, by the one key of ours that the token names; then its claims; then its record. */
async function proveJwt({ value }: Presented, context: ProofContext): Promise<ProofResult> {
  const { reading, ownTokens, clock } = context
  if (reading.from === 'memory') throw new LookupUnavailable('The store is gone, and no proof is known')
  const jws = parseUnverifiedJws(value)
  if (!jws.ok) return refused(JWS_REASONS[jws.reason], jws.detail)
  const signedBy = await verifiedBy(jws, context)
  if ('type' in signedBy) return signedBy
  const issuer = ownTokens.issuerIn(value)!
  const checked = checkJwtClaims(jws.header, jws.payload, rulesFor(issuer, jws, context), clock())
  if (!checked.ok) {
    const { code, detail } = checked
    if (code === 'EXPIRED' || code === 'NOT_YET_VALID') return { ...refused(code, detail), check: 'time' }
    return code === 'WRONG_AUDIENCE' ? { ...refused(code, detail), check: 'audience' } : refused(code, detail)
  }
  const credential = await recordOf(checked.claims, ownTokens.workspaceOf(issuer)!, context)
  return credential === null
    ? refused('NOT_FOUND', 'no token of ours has this jti, or it was forgotten after its end')
    : { type: 'proven', credential, version: 1, signedBy }
}

/** `kid` is an exact look-up among our own keys: no header says where else a key could be had (RFC 8725 section 3.10). */
async function verifiedBy(
  jws: UnverifiedJws,
  { lookup, reading, sealingKeys, clock }: ProofContext,
): Promise<SigningKeyRecord | Refused> {
  const { kid } = jws.header
  // What has another form is asked of nobody.
  if (!isThumbprint(kid)) return refused('BAD_SIGNATURE', 'no key of ours has this kid')
  const record = await lookup.find('signing_key', kid, reading)
  if (record === undefined) return refused('BAD_SIGNATURE', 'no key of ours has this kid')
  const key = cachedSigningKey(record, sealingKeys)
  if (key === null || !isTrusted(record, clock())) {
    return refused('BAD_SIGNATURE', `the signing key ${kid} counts no more: it is ${record.state}`)
  }
  const result = verifyParsedJws(jws, { keys: key.verification, algorithms: [key.algorithm] })
  return result.ok ? record : refused(JWS_REASONS[result.reason], result.detail)
}

/** Where no API asks, which it is for says its grant; what is presented there acts on itself, or finds no grant. */
function rulesFor(issuer: string, { payload }: UnverifiedJws, { api }: ProofContext) {
  const audience = api?.audience ?? audienceIn(payload)
  return { issuer, audience, types: [ACCESS_TOKEN_TYPE], clockSkewSeconds: 0, maxAgeSeconds: null }
}

/** Of what we signed, so it is JSON, with one. */
function audienceIn(payload: Uint8Array): string {
  const { aud } = JSON.parse(Buffer.from(payload).toString()) as { readonly aud?: unknown }
  return typeof aud === 'string' ? aud : ''
}

async function recordOf(
  { tokenId }: JwtClaims,
  workspaceId: string,
  { lookup, reading }: ProofContext,
): Promise<CredentialRecord | null> {
  if (tokenId === null || !isCredentialId(tokenId)) return null
  const record = await lookup.find('credential', tokenId, reading)
  const isIts = record?.kind === 'access_token' && record.workspaceId === workspaceId
  return isIts && record.versions[0]?.version === 1 ? record : null
}

function refused(code: DenialCode, detail: string): Refused {
  return { type: 'refused', code, detail }
}
