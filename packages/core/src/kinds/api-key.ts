import { timingSafeEqual } from 'node:crypto'
import type { Presented } from '../extract.ts'
import { digestSecret, type ParsedKey, parseKey } from '../key.ts'
import type { CredentialRecord } from '../records.ts'
import { openDigest, type SealingKeys } from '../seal.ts'
import type { Kind, ProofContext, ProofResult } from './kind.ts'

/** API keys, in the format of key.ts; the design calls for nothing but the key itself. */
export const apiKeyKind: Kind = {
  kind: 'api_key',
  claims: (presented) =>
    (presented.scheme === 'bearer' || presented.scheme === 'key') && parseKey(presented.value) !== 'foreign',
  prove: proveApiKey,
}

async function proveApiKey(presented: Presented, context: ProofContext): Promise<ProofResult> {
  const cacheKey = context.proofs.keyOf(presented.value)
  const cached = context.fresh ? undefined : await provenBefore(cacheKey, context)
  if (cached !== undefined) return cached

  const parsed = parseKey(presented.value)
  if (parsed === 'foreign' || parsed === 'damaged') {
    return {
      type: 'refused',
      code: 'MALFORMED',
      detail: 'the checksum is wrong: a typo, or a part is missing',
    }
  }
  const found = await findOrDecoy(parsed, context)
  const digest = digestSecret(parsed.secret)
  const version =
    found.record === undefined ? null : matchingVersion(found.record, digest, context.sealingKeys)
  if (found.record === undefined || !found.exists) {
    return { type: 'refused', code: 'NOT_FOUND', detail: `no credential has the id ${parsed.id}` }
  }
  if (version === null || found.record.keyPrefix !== parsed.prefix) {
    return { type: 'refused', code: 'BAD_SECRET', detail: `wrong secret for credential ${parsed.id}` }
  }
  const sealedDigest = found.record.versions.find((candidate) => candidate.version === version)!.sealedDigest
  context.proofs.set(cacheKey, { credentialId: parsed.id, version, sealedDigest })
  return { type: 'proven', credential: found.record, version }
}

/** A proof from before counts while the record still holds the very digest it was made against. */
async function provenBefore(cacheKey: string, context: ProofContext): Promise<ProofResult | undefined> {
  const proven = context.proofs.get(cacheKey)
  if (proven === undefined) return undefined
  const credential =
    context.lookup.peek('credential', proven.credentialId) ??
    (await context.lookup.get('credential', proven.credentialId))
  for (const version of credential?.versions ?? []) {
    if (version.version === proven.version && version.sealedDigest === proven.sealedDigest) {
      return { type: 'proven', credential: credential!, version: version.version }
    }
  }
  context.proofs.delete(cacheKey)
  return undefined
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
  const decoyId = record === undefined ? lookup.lastCredentialId : ABSENT_ID
  const decoy = await lookup.read('credential', decoyId ?? ABSENT_ID)
  return { record: record ?? decoy, exists: record !== undefined }
}

/** All versions are compared, whether or not one matched before, so that time does not tell which. */
function matchingVersion(record: CredentialRecord, digest: Buffer, keys: SealingKeys): number | null {
  let matching: number | null = null
  for (const { version, sealedDigest } of record.versions) {
    const expected = openDigest(
      sealedDigest,
      { workspaceId: record.workspaceId, kind: record.kind, credentialId: record.id, version },
      keys,
    )
    if (expected !== null && expected.length === digest.length && timingSafeEqual(expected, digest)) {
      matching = version
    }
  }
  return matching
}
