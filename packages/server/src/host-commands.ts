import { randomBytes } from 'node:crypto'
import { renameSync } from 'node:fs'
import { adminKeyPath, newAdminKeyFile } from './admin-key-file.ts'
import type { Environment } from './config.ts'
import { configFrom, keyringFor, onHost, openStore, type Streams, storePath, tellOfJournal } from './host.ts'
import { HostProblem } from './host-problem.ts'
import { DEFAULT_WORKSPACE_NAME, recoverAdmin as makeAdminKey } from './operations/bootstrap.ts'
import { planMigrations } from './store/sqlite-migrate.ts'

/** `credence migrate`: brings the store up to date; with `plan`, only says what would be done. */
export function migrateFromEnvironment(
  env: Environment,
  { plan }: { readonly plan: boolean },
  streams: Streams,
): Promise<number> {
  return onHost(streams, async () => {
    const config = configFrom(env)
    const { state, pending } = planMigrations(storePath(config))
    streams.stdout.write(`schema at version ${state.version}\n`)
    for (const { version, name } of pending)
      streams.stdout.write(`  ${plan ? 'would apply' : 'apply'} ${version} ${name}\n`)
    if (pending.length === 0) streams.stdout.write('  nothing to do\n')
    if (!plan && pending.length > 0) {
      const store = await openStore({ ...config, migrate: 'auto' }, tellOfJournal(streams))
      await store.close()
      streams.stdout.write('done\n')
    }
    return 0
  })
}

/**
 * `credence admin recover`: a new admin key, for whoever owns the host's data folder. The old ones stay as they
 * are: what was lost can be revoked with the new one. A running server takes the new key at once.
 */
export function recoverAdmin(env: Environment, streams: Streams): Promise<number> {
  return onHost(streams, async () => {
    const config = configFrom(env)
    const store = await openStore(config, tellOfJournal(streams))
    try {
      const { sealingKeys } = await keyringFor(config, store)
      const workspace = await store.readByName('workspace', null, DEFAULT_WORKSPACE_NAME)
      if (workspace === undefined) {
        throw new HostProblem('this data folder has no workspace yet; start the server first')
      }
      const path = adminKeyPath(config)
      const key = newAdminKeyFile(`${path}.new`, workspace.keyPrefix, randomBytes)
      await makeAdminKey({ store, clock: Date.now, randomBytes, sealingKeys }, key)
      renameSync(`${path}.new`, path)
      streams.stderr.write(`✓ new admin key, credential ${key.id}, in ${path} (0600)\n`)
      return 0
    } finally {
      await store.close()
    }
  })
}
