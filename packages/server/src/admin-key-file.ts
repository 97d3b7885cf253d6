import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  formatKey,
  generateId,
  generateSecret,
  type ParsedKey,
  parseKey,
  type RandomBytes,
} from '@credence/core'
import type { Config } from './config.ts'
import { HostProblem } from './host-problem.ts'
import type { Store } from './store/port.ts'

/** Where the first admin key is written, and where the command line finds it. */
export function adminKeyPath(config: Config): string {
  return join(config.dataPath, 'admin.key')
}

/** Where it is until the store is known to have it. */
function untilKnown(config: Config): string {
  return `${adminKeyPath(config)}.new`
}

/**
 * The admin key for a first start: the operator's own from CREDENCE_ADMIN_KEY_FILE, or a fresh one. A fresh one is
 * on disk before the store learns of it: whatever moment the process dies at, no store is left whose only key
 * nobody has. It has its name only after, see settleAdminKey(): no file called admin.key holds a key that is none.
 */
export function firstAdminKey(config: Config, prefix: string, randomBytes: RandomBytes): ParsedKey {
  if (config.adminKeyPath !== null) return readKey(config.adminKeyPath)
  const path = adminKeyPath(config)
  return existsSync(path) ? readKey(path) : newAdminKey(config, prefix, randomBytes)
}

/**
 * A fresh admin key in a file of its own, on disk before the store learns of it: a store that then refuses leaves a
 * file without a credential, never a credential whose secret nobody has. What an earlier try left is replaced.
 */
export function newAdminKey(config: Config, prefix: string, randomBytes: RandomBytes): ParsedKey {
  const path = untilKnown(config)
  rmSync(path, { force: true })
  const key = formatKey(prefix, generateId(randomBytes), generateSecret(randomBytes))
  writeFileSync(path, `${key}\n`, { mode: 0o600, flag: 'wx', flush: true })
  return readKey(path)
}

/** Gives a fresh key's file its name once the store has the key, and removes that of a key it does not have. */
export async function settleAdminKey(config: Config, store: Store): Promise<void> {
  const path = untilKnown(config)
  if (!existsSync(path)) return
  const key = parseKey(readFileSync(path, 'utf8').trim())
  const isKnown = typeof key !== 'string' && (await store.read('credential', key.id)) !== undefined
  if (isKnown) renameSync(path, adminKeyPath(config))
  else rmSync(path, { force: true })
}

function readKey(path: string): ParsedKey {
  const parsed = parseKey(readFileSync(path, 'utf8').trim())
  if (typeof parsed === 'string') {
    throw new HostProblem(
      `${path} does not hold a key of the form {prefix}_{50 characters} with its checksum`,
    )
  }
  return parsed
}
