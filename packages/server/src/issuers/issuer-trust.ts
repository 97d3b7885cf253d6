import type { TrustedIssuers } from '@credence/core'
import type { Store } from '../store/port.ts'
import type { DecryptionKeys } from './decryption-keys.ts'
import type { IssuerDirectory } from './issuer-directory.ts'
import type { IssuerKeys } from './issuer-keys.ts'

/** What verify asks about issuers, answered by those who know. */
export function issuerTrust(
  store: Pick<Store, 'list' | 'readByName'>,
  directory: IssuerDirectory,
  keys: IssuerKeys,
  decryption: DecryptionKeys,
): TrustedIssuers {
  return {
    candidates: (issuer, api) => directory.candidates(issuer, api),
    keysOf: (issuer, missing) => keys.keysOf(issuer, missing),
    decrypting: (kid, api) => directory.decrypting(kid, api),
    decryptionKeysOf: (issuer) => decryption.keysOf(issuer),
    async principalIdOf(workspaceId, name) {
      const named = await store.readByName('principal', workspaceId, name)
      if (named !== undefined) return named.id
      const query = { workspaceId, limit: 2, cursor: null, filters: { externalId: name } }
      const { records } = await store.list('principal', query)
      // An external id may stand at several principals; a token that means all of them means nobody.
      return records.length === 1 ? records[0]!.id : null
    },
  }
}
