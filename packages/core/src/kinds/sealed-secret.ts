import { timingSafeEqual } from 'node:crypto'
import { LookupUnavailable } from '../cached-lookup.ts'
import { ABSENT_ID, digestSecret, type KeyKind, type ParsedKey, parseKey } from '../key.ts'
import type { CredentialRecord } from '../records.ts'
import { MAX_VERSIONS } from '../rotate.ts'
import { openDigest, type SealContext, type SealingKeys } from '../seal.ts'
import type { ProofContext, ProofResult } from './kind.ts'

/** Whether a credential that was found may be whose secret this is, as far as what was presented beside it tells. */
export type MayBe = (credential: CredentialRecord) => boolean

const ANY: MayBe = () => true

/**
 * Proves a string in the format of key.ts to be the secret of a credential of this kind. A wrong secret, an unknown id
 * and a credential that `mayBe` refuses are refused at the same moment, after the same work.
 */
export async function proveSealedSecret(
  kind: KeyKind,
  value: string,
  context: ProofContext,
  mayBe: MayBe = ANY,
): Promise<ProofResult> {
  if (context.reading.from === 'memory')
    throw new LookupUnavailable('The store is gone, and no proof is known')
  const parsed = parseKey(value)
  if (parsed === 'foreign' || parsed === 'damaged') {
    return {
      type: 'refused',
      code: 'MALFORMED',
      detail: 'the checksum is wrong: a typo, or a part is missing',
    }
  }
  const answerable = context.pace()
  const { record, exists } = await findOrDecoy(parsed, context)
  const digest = digestSecret(parsed.secret)
  const version = record === undefined ? null : matchingVersion(record, kind, digest, context.sealingKeys)
  const isIts = record !== undefined && record.keyPrefix === parsed.prefix && mayBe(record)
  if (!isIts || !exists || version === null) {
    // Both refusals leave at the same moment, whatever it took to come to them.
    await answerable
    return exists
      ? { type: 'refused', code: 'BAD_SECRET', detail: `wrong secret for credential ${parsed.id}` }
      : { type: 'refused', code: 'NOT_FOUND', detail: `no credential has the id ${parsed.id}` }
  }
  return { type: 'proven', credential: record, version }
}

/**
 * Reads the store, never the cache, and always twice: once a row that is there, once one that is not. So an id
 * that exists with a wrong secret costs what an unknown one costs, down to the digests that are opened.
 */
async function findOrDecoy(
  parsed: ParsedKey,
  { lookup }: ProofContext,
): Promise<{ record: CredentialRecord | undefined; exists: boolean }> {
  const record = await lookup.read('credential', parsed.id)
  const standIn = lookup.decoyFor(parsed.id)
  const decoyId = record === undefined ? standIn : ABSENT_ID
  const decoy = await lookup.read('credential', decoyId ?? ABSENT_ID)
  return { record: record ?? decoy, exists: record !== undefined }
}

/**
 * Opened as digests of this kind, so that the secret of another kind of credential never passes for one.
 * All versions are compared, whether or not one matched before, so that time does not tell which; and always as
 * many as there can be, or a caller could tell a credential of three versions from the one-version decoy.
 */
function matchingVersion(
  record: CredentialRecord,
  kind: SealContext['kind'],
  digest: Buffer,
  keys: SealingKeys,
): number | null {
  const { workspaceId, id: credentialId, versions } = record
  let matching: number | null = null
  for (let index = 0; index < Math.max(MAX_VERSIONS, versions.length); index++) {
    const { version, sealedDigest } = versions[index % versions.length]!
    const expected = openDigest(sealedDigest, { workspaceId, kind, credentialId, version }, keys)
    if (expected !== null && expected.length === digest.length && timingSafeEqual(expected, digest)) {
      matching = version
    }
  }
  return matching
}
