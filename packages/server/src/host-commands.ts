import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { adminKeyPath, newAdminKey, settleAdminKey } from './admin-key-file.ts'
import type { Environment } from './config.ts'
import {
  configFrom,
  keyringFor,
  onHost,
  openStore,
  openUsage,
  planOf,
  type Streams,
  tellOfJournal,
} from './host.ts'
import { HostProblem } from './host-problem.ts'
import { createKeyring, showFingerprint } from './keyring.ts'
import { DEFAULT_WORKSPACE_NAME, recoverAdmin as makeAdminKey } from './operations/bootstrap.ts'

/** `credence migrate`: brings the store up to date; with `plan`, only says what would be done. */
export function migrateFromEnvironment(
  env: Environment,
  { plan }: { readonly plan: boolean },
  streams: Streams,
): Promise<number> {
  return onHost(streams, async () => {
    const config = configFrom(env)
    const parts = await planOf(config)
    for (const [part, { state, pending }] of [
      ['schema', parts.store] as const,
      ['usage', parts.usage] as const,
    ]) {
      streams.stdout.write(`${part} at version ${state.version}\n`)
      for (const { version, name } of pending)
        streams.stdout.write(`  ${plan ? 'would apply' : 'apply'} ${version} ${name}\n`)
      if (pending.length === 0) streams.stdout.write('  nothing to do\n')
    }
    if (!plan && parts.store.pending.length + parts.usage.pending.length > 0) {
      await (await openStore({ ...config, migrate: 'auto' }, tellOfJournal(streams))).close()
      await (await openUsage({ ...config, migrate: 'auto' })).close()
      streams.stdout.write('done\n')
    }
    return 0
  })
}

/** `credence keyring create`: the keyring that all nodes of a shared database are given. Never replaces one. */
export function makeKeyring(env: Environment, streams: Streams): Promise<number> {
  return onHost(streams, async () => {
    const path = configFrom(env).keyringPath
    const made = createKeyring(path, randomBytes, Date.now())
    if (!made.ok) throw new HostProblem(made.problem)
    const fingerprint = showFingerprint(made.keyring.fingerprint)
    if (!made.created) throw new HostProblem(`${path} holds keyring ${fingerprint}, and is not replaced`)
    streams.stdout.write(`${fingerprint}\n`)
    streams.stderr.write(
      `✓ new keyring in ${path} (0600); back it up, and give the same file to every node\n`,
    )
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
      if (workspace === undefined) throw new HostProblem('there is no workspace yet; start the server first')
      mkdirSync(config.dataPath, { recursive: true, mode: 0o700 })
      const key = newAdminKey(config, workspace.keyPrefix, randomBytes)
      await makeAdminKey({ store, clock: Date.now, randomBytes, sealingKeys }, key)
      await settleAdminKey(config, store)
      streams.stderr.write(`✓ new admin key, credential ${key.id}, in ${adminKeyPath(config)} (0600)\n`)
      return 0
    } finally {
      await store.close()
    }
  })
}
