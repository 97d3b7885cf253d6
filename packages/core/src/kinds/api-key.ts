import { timingSafeEqual } from 'node:crypto'
import { LookupUnavailable } from '../cached-lookup.ts'
import type { Presented } from '../extract.ts'
import { digestSecret, hasKeyForm, type ParsedKey, parseKey } from '../key.ts'
import type { CredentialRecord } from '../records.ts'
import { MAX_VERSIONS } from '../rotate.ts'
import { openDigest, type SealingKeys } from '../seal.ts'
import type { Kind, ProofContext, ProofResult } from './kind.ts'

/** API keys, in the format of key.ts; the design calls for nothing but the key itself. */
export const apiKeyKind: Kind = {
  kind: 'api_key',
  claims: ({ scheme, value }) => scheme !== 'basic' && hasKeyForm(value),
  prove: proveApiKey,
}

async function proveApiKey({ value }: Presented, context: ProofContext): Promise<ProofResult> {
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
  const version = record === undefined ? null : matchingVersion(record, digest, context.sealingKeys)
  if (record === undefined || !exists || version === null || record.keyPrefix !== parsed.prefix) {
    // Both refusals leave at the same moment, whatever it took to come to them.
    await answerable
    return exists
      ? { type: 'refused', code: 'BAD_SECRET', detail: `wrong secret for credential ${parsed.id}` }
      : { type: 'refused', code: 'NOT_FOUND', detail: `no credential has the id ${parsed.id}` }
  }
  return { type: 'proven', credential: record, version }
}

/** An id that nobody has: twelve characters, as every id, but never generated since ids are random. */
const ABSENT_ID = '000000000000'

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
 * Opened as digests of API keys, so that the secret of another kind of credential never passes for one.
 * All versions are compared, whether or not one matched before, so that time does not tell which; and always as
 * many as there can be, or a caller could tell a credential of three versions from the one-version decoy.
 */
function matchingVersion(record: CredentialRecord, digest: Buffer, keys: SealingKeys): number | null {
  const { workspaceId, id: credentialId, versions } = record
  let matching: number | null = null
  for (let index = 0; index < Math.max(MAX_VERSIONS, versions.length); index++) {
    const { version, sealedDigest } = versions[index % versions.length]!
    const expected = openDigest(sealedDigest, { workspaceId, kind: 'api_key', credentialId, version }, keys)
    if (expected !== null && expected.length === digest.length && timingSafeEqual(expected, digest)) {
      matching = version
    }
  }
  return matching
}
