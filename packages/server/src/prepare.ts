import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import type { SealingKeys } from '@credence/core'
import { firstAdminKey, settleAdminKey } from './admin-key-file.ts'
import type { Config } from './config.ts'
import { KEYRING_SETTING, keyringFor, openStore } from './host.ts'
import { bootstrap, DEFAULT_KEY_PREFIX } from './operations/bootstrap.ts'
import type { JournalTried } from './store/keep-journal.ts'
import type { Store } from './store/port.ts'

/** The store of an installation, with what its processes need besides. */
export interface Prepared {
  readonly store: Store
  readonly sealingKeys: SealingKeys
  readonly dpopNonceKey: Uint8Array
  /** Of the workspace `default`. */
  readonly workspaceId: string
  /** Whether this start made the workspace `default` and its admin key. */
  readonly isFirstStart: boolean
}

/**
 * Opens the store, with its keyring and, at the first start, the workspace with its admin key.
 * @param onJournal told whether the journal of revocations is kept
 */
export async function prepare(config: Config, onJournal: (tried: JournalTried) => void): Promise<Prepared> {
  mkdirSync(config.dataPath, { recursive: true, mode: 0o700 })
  const store = await openStore(config, onJournal)
  try {
    // One start at a time, of all nodes: exactly one makes the workspace and its admin key.
    return await store.alone(async () => {
      const { sealingKeys, dpopNonceKey, fingerprint } = await keyringFor(config, store)
      const isNew = (await store.position()) === 0
      const adminKey = isNew ? firstAdminKey(config, DEFAULT_KEY_PREFIX, randomBytes) : null
      const settings = [{ name: KEYRING_SETTING, value: fingerprint }]
      const host = { store, clock: Date.now, randomBytes, sealingKeys }
      const { workspaceId, secret } = await bootstrap(host, { adminKey, settings })
      await settleAdminKey(config, store)
      return { store, sealingKeys, dpopNonceKey, workspaceId, isFirstStart: secret !== null }
    })
  } catch (error) {
    await store.close()
    throw error
  }
}
