import { LookupUnavailable } from '../cached-lookup.ts'
import { mapClaims } from '../claim-mapping.ts'
import { bindingOfConfirmation } from '../confirmation.ts'
import type { CheckName } from '../decision.ts'
import type { Presented } from '../extract.ts'
import { JWS_FORM, JWS_REASONS, parseUnverifiedJws, type UnverifiedJws, verifyParsedJws } from '../jws.ts'
import { type ClaimsRefusal, checkJwtClaims, type JwtClaims, type JwtRules } from '../jwt-claims.ts'
import type { IssuerRecord } from '../records.ts'
import { readStrictJsonObject } from '../strict-json.ts'
import { credentialOfToken, TOKEN_VERSION } from '../token-credential.ts'
import type { IssuerKeySet } from '../trusted-issuers.ts'
import type { DenialCode } from '../verdict.ts'
import { contradictedClaim, JWE_FORM, openToken } from './encrypted-token.ts'
import type { Kind, ProofContext, ProofResult } from './kind.ts'

/**
 * Tokens that a trusted issuer signed: JWTs (RFC 7519) in JWS compact serialization, read as RFC 8725 advises; or the same,
 * encrypted for us (JWE), where the issuer is set up for it.
 */
export const jwtKind: Kind = {
  kind: 'jwt',
  recognizes: ({ scheme, value }) => scheme !== 'basic' && (JWS_FORM.test(value) || JWE_FORM.test(value)),
  prove: proveToken,
}

type Refused = Extract<ProofResult, { type: 'refused' }>

/** The signature first: until it is verified, nothing that the token says counts, except for whose keys to take. */
async function proveToken({ value }: Presented, context: ProofContext): Promise<ProofResult> {
  const { reading, api, clock } = context
  if (reading.from === 'memory')
    throw new LookupUnavailable('The store is gone, and what the token says is not known')
  const opened = JWE_FORM.test(value) ? await openToken(value, context) : null
  if (opened?.type === 'refused') return opened
  const jws = parseUnverifiedJws(opened?.token ?? value)
  if (!jws.ok) return refused(JWS_REASONS[jws.reason], jws.detail)
  const issuer = await findIssuer(jws, opened?.issuerIds ?? null, context)
  if ('type' in issuer) return issuer
  const keys = await verifiedBy(jws, issuer, context)
  if ('type' in keys) return keys
  const checked = checkJwtClaims(jws.header, jws.payload, rulesOf(issuer), clock())
  if (!checked.ok) return refusedBy(checked)
  const contradicted = opened && contradictedClaim(opened.header, checked.claims.all)
  if (contradicted)
    return refused('MALFORMED', `${contradicted} of the encryption's header is not that of the claims`)
  const mapped = mapClaims(checked.claims, issuer.claims)
  if (!mapped.ok) return refused(mapped.code, mapped.detail)
  const principalId = await principalOf(mapped.principal, issuer, context)
  if (principalId === null) {
    const detail = `issuer ${issuer.name} vouches for ${JSON.stringify(mapped.principal)}, who is no principal, or several`
    return refused('NOT_FOUND', detail)
  }
  const binding = bindingOfConfirmation(checked.claims.all.cnf)
  if (typeof binding === 'string') return refused('MALFORMED', binding)
  const credential = credentialOfToken(issuer, checked.claims, principalId, mapped.scopes, binding)
  const apiId = api?.id ?? null
  const token = { credential, principalName: mapped.principal, keys, apiId }
  return { type: 'proven', credential, version: TOKEN_VERSION, token }
}

function refused(code: DenialCode, detail: string, check?: CheckName): Refused {
  return { type: 'refused', code, detail, ...(check && { check }) }
}

/** Time and audience are checks of their own. */
function refusedBy({ code, detail }: ClaimsRefusal): Refused {
  if (code === 'EXPIRED' || code === 'NOT_YET_VALID') return refused(code, detail, 'time')
  return refused(code, detail, code === 'WRONG_AUDIENCE' ? 'audience' : undefined)
}

/**
 * By `iss`, and where one `iss` is trusted for several audiences, by `aud`.
 * @param encryptedFor the issuers whose key decrypted it; null: it was not encrypted
 */
async function findIssuer(
  jws: UnverifiedJws,
  encryptedFor: readonly string[] | null,
  { issuers, api, lookup, reading }: ProofContext,
): Promise<IssuerRecord | Refused> {
  const said = saidBy(jws)
  if (said === null) return refused('MALFORMED', 'the claims are not a JSON object with an iss')
  const candidates = issuers
    .candidates(said.issuer, api)
    .filter(({ id }) => encryptedFor === null || encryptedFor.includes(id))
  const candidate = candidates.find(({ audience }) => said.audiences.includes(audience)) ?? candidates[0]
  const issuer = candidate && (await lookup.find('issuer', candidate.id, reading))
  if (issuer === undefined || issuer.issuer !== said.issuer) {
    const whose = JSON.stringify(said.issuer.slice(0, 200))
    const where = encryptedFor === null ? '' : ', or its keys did not decrypt the token'
    return refused(
      'UNTRUSTED_ISSUER',
      `${whose} is not among the issuers trusted for ${api?.name ?? 'credence'}${where}`,
    )
  }
  // The directory is as new as the feed; the record is what counts.
  if (api !== null && issuer.apiId !== api.id) {
    return refused('UNTRUSTED_ISSUER', `issuer ${issuer.name} is trusted for another API`)
  }
  return issuer
}

/** What a token says before anything is proven, to find whose keys to take. */
function saidBy({ payload }: UnverifiedJws): Pick<JwtClaims, 'issuer' | 'audiences'> | null {
  const all = readStrictJsonObject(payload)
  if (all === null) return null
  const issuer = Object.hasOwn(all, 'iss') ? all.iss : null
  if (typeof issuer !== 'string') return null
  const aud = Object.hasOwn(all, 'aud') ? all.aud : []
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  return { issuer, audiences: list.filter((one) => typeof one === 'string') }
}

/** The keys that the signature is one of. A key that is not known may be a new one, so the issuer is asked once more. */
async function verifiedBy(
  jws: UnverifiedJws,
  issuer: IssuerRecord,
  { issuers }: ProofContext,
): Promise<IssuerKeySet | Refused> {
  let keys = await issuers.keysOf(issuer, null)
  if (keys === null) return keysMissing(issuer)
  let result = verifyParsedJws(jws, { keys: keys.keys, algorithms: issuer.algorithms })
  if (!result.ok && result.reason === 'key_unknown') {
    keys = await issuers.keysOf(issuer, keys)
    if (keys === null) return keysMissing(issuer)
    result = verifyParsedJws(jws, { keys: keys.keys, algorithms: issuer.algorithms })
  }
  return result.ok ? keys : refused(JWS_REASONS[result.reason], result.detail)
}

function keysMissing({ name }: IssuerRecord): Refused {
  return refused('UNAVAILABLE', `the keys of issuer ${name} cannot be had`)
}

function rulesOf({ issuer, audience, types, clockSkewSeconds, maxAgeSeconds }: IssuerRecord): JwtRules {
  return { issuer, audience, types, clockSkewSeconds, maxAgeSeconds }
}

async function principalOf(
  name: string,
  issuer: IssuerRecord,
  { issuers }: ProofContext,
): Promise<string | null> {
  try {
    return await issuers.principalIdOf(issuer.workspaceId, name)
  } catch (cause) {
    throw new LookupUnavailable('The store could not be asked for a principal', { cause })
  }
}
