import { clientIdOf, isClientId, principalIdOf } from '../basic-credentials.ts'
import { LookupUnavailable } from '../cached-lookup.ts'
import {
  checkClientAssertion,
  clientIn,
  isAssertionAlgorithm,
  isMeant,
  isSignedBy,
} from '../client-assertion.ts'
import { isThumbprint } from '../confirmation.ts'
import type { CheckName } from '../decision.ts'
import { JWS_REASONS, parseUnverifiedJws, type UnverifiedJws } from '../jws.ts'
import { MAX_KEYS_TRIED } from '../jws-keys.ts'
import { ABSENT_ID } from '../key.ts'
import type { CredentialRecord } from '../records.ts'
import type { DenialCode } from '../verdict.ts'
import type { Kind, ProofContext, ProofResult } from './kind.ts'

/**
 * The key of a client, of which we hold the public part alone: it shows itself in a certificate (RFC 8705 section 2), or
 * signs an assertion for each request (RFC 7523 section 2.2). That the certificate is the connection's, and that the
 * assertion was not used before, is looked at with the binding, for every request.
 */
export const clientKeyKind: Kind = {
  kind: 'client_key',
  remembersItself: true,
  recognizes: ({ scheme, value }) =>
    scheme === 'certificate' || (scheme !== 'basic' && clientIn(value) !== null),
  prove: async ({ scheme, value }, context) =>
    scheme === 'certificate' ? proveCertificate(value, context) : proveAssertion(value, context),
}

type Refused = Extract<ProofResult, { type: 'refused' }>

function refused(code: DenialCode, detail: string, check?: CheckName): Refused {
  return { type: 'refused', code, detail, ...(check && { check }) }
}

/** It has no secret, and so no versions of one. */
function proven(credential: CredentialRecord): ProofResult {
  return { type: 'proven', credential, version: credential.versions[0]!.version }
}

/** Whoever shows it has proven to hold its key in the handshake; here it is found whose it is. */
async function proveCertificate(
  thumbprint: string,
  { lookup, clientKeys, reading, pace, workspaceId }: ProofContext,
): Promise<ProofResult> {
  if (workspaceId === null) {
    return refused('KIND_NOT_ACCEPTED', 'which workspace the certificate is of, nobody knows here', 'kind')
  }
  // Whoever has revoked a credential has given its certificate back, perhaps to another.
  const isIts = (record: CredentialRecord | undefined): record is CredentialRecord =>
    isClientKeyOf(workspaceId, record) &&
    record.binding?.type === 'mtls' &&
    record.binding.thumbprint === thumbprint &&
    record.state !== 'revoked'
  const knownId = clientKeys.knownIdOf(workspaceId, thumbprint)
  const known = knownId === null ? undefined : lookup.known('credential', knownId, reading)
  if (isIts(known)) return proven(known)
  if (reading.from === 'memory') throw unknowable()
  const answerable = pace()
  const id = await asked(() => clientKeys.idOf(workspaceId, thumbprint))
  const record = await lookup.read('credential', id ?? lookup.decoyFor(thumbprint) ?? ABSENT_ID)
  if (id !== null && isIts(record)) return proven(record)
  await answerable
  return refused('NOT_FOUND', `no client key of this workspace is for the certificate ${thumbprint}`)
}

/** The signature first, by the keys of the client that the assertion names: until then nothing else of it counts. */
async function proveAssertion(value: string, context: ProofContext): Promise<ProofResult> {
  const jws = parseUnverifiedJws(value)
  if (!jws.ok) return refused(JWS_REASONS[jws.reason], `client assertion: ${jws.detail}`)
  const clientId = clientIn(value)
  if (clientId === null || !isClientId(clientId)) {
    return refused('MALFORMED', 'client assertion: iss begins as a client id does, and is none')
  }
  if (!isAssertionAlgorithm(jws.header.alg)) {
    const alg = JSON.stringify(jws.header.alg.slice(0, 64))
    return refused('BAD_SIGNATURE', `client assertion: the algorithm ${alg} is not allowed`)
  }
  const { api, ownTokens, lookup, reading } = context
  // Where no API asks, that of the client does: no two clients have the same id.
  const principal = api === null ? await lookup.find('principal', principalIdOf(clientId), reading) : null
  const workspaceId = api?.workspaceId ?? principal?.workspaceId ?? NOWHERE
  const signer = await signerOf(jws, { clientId, workspaceId }, context)
  if ('type' in signer) return signer
  // For a token it is made out to us, as the authorization server (RFC 7523 section 3).
  const audience = api?.audience ?? ownTokens.issuerOf(workspaceId)
  if (audience === null) {
    const detail =
      'for a token, a client assertion needs an issuer to name as its aud: set CREDENCE_PUBLIC_URL'
    return refused('KIND_NOT_ACCEPTED', detail, 'kind')
  }
  const checked = checkClientAssertion(jws, { clientId, audience }, context.clock())
  if (checked.ok) return proven(signer)
  // For a token, `audience` is whether the credential may go to the API; an assertion for somebody else proves nothing.
  const check = api === null && checked.check === 'audience' ? 'secret' : checked.check
  return refused(checked.code, checked.detail, check)
}

/** The id of no workspace. */
const NOWHERE = ''

interface Client {
  readonly clientId: string
  readonly workspaceId: string
}

/** The credential whose key signed: by what is known, and before it is refused, by what the store says. */
async function signerOf(
  jws: UnverifiedJws,
  client: Client,
  { lookup, clientKeys, reading, pace }: ProofContext,
): Promise<CredentialRecord | Refused> {
  const { clientId, workspaceId } = client
  // By its thumbprint a key is found among however many of its client.
  const thumbprint = isThumbprint(jws.header.kid) ? jws.header.kid : null
  const principalId = principalIdOf(clientId)
  const knownIds = clientKeys.knownIdsOf(workspaceId, principalId)
  const knownId = thumbprint && clientKeys.knownIdOf(workspaceId, thumbprint)
  const known = [knownId ?? [], knownIds].flat().map((id) => lookup.known('credential', id, reading))
  const signer = signerAmong(known, jws, client)
  if (signer !== null) return signer
  if (reading.from === 'memory') throw unknowable()
  const answerable = pace()
  const named = thumbprint && (await asked(() => clientKeys.idOf(workspaceId, thumbprint)))
  const ids = [named ?? [], await asked(() => clientKeys.idsOf(workspaceId, principalId))].flat()
  const standIns = ids.length === 0 ? [lookup.decoyFor(clientId) ?? ABSENT_ID] : [...new Set(ids)]
  const records = await Promise.all(standIns.map((id) => lookup.read('credential', id)))
  const found = ids.length === 0 ? null : signerAmong(records, jws, client)
  if (found !== null) return found
  await answerable
  return ids.length === 0
    ? refused('NOT_FOUND', `no client of this workspace is called ${clientId}, or it has no key`)
    : refused('BAD_SECRET', `no key of the client ${clientId} that its kid allows has signed the assertion`)
}

/** The one of them whose key signed. Those that are not revoked come first: a key may have been taken back and given again. */
function signerAmong(
  records: readonly (CredentialRecord | undefined)[],
  jws: UnverifiedJws,
  { clientId, workspaceId }: Client,
): CredentialRecord | null {
  const own = records
    .filter((record) => isClientKeyOf(workspaceId, record))
    .filter(
      ({ principalId, binding }) =>
        clientIdOf(principalId) === clientId && binding?.type === 'signature' && isMeant(jws, binding),
    )
    .sort((a, b) => Number(a.state === 'revoked') - Number(b.state === 'revoked'))
  const signer = own
    .slice(0, MAX_KEYS_TRIED)
    .find(({ binding }) => binding?.type === 'signature' && isSignedBy(jws, binding))
  return signer ?? null
}

function isClientKeyOf(
  workspaceId: string,
  record: CredentialRecord | undefined,
): record is CredentialRecord {
  return record?.kind === 'client_key' && record.workspaceId === workspaceId
}

async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (cause) {
    throw new LookupUnavailable('The store could not be asked for client keys', { cause })
  }
}

function unknowable(): LookupUnavailable {
  return new LookupUnavailable('The store is gone, and the client key is not known')
}
