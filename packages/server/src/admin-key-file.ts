import { readFileSync, rmSync, writeFileSync } from 'node:fs'
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

/** Where the first admin key is written, and where the command line finds it. */
export function adminKeyPath(config: Config): string {
  return join(config.dataPath, 'admin.key')
}

/**
 * The admin key for a first start: the operator's own from CREDENCE_ADMIN_KEY_FILE, or a fresh one. A fresh one is
 * on disk before the store learns of it: whatever moment the process dies at, no store is left whose only key
 * nobody has.
 */
export function firstAdminKey(config: Config, prefix: string, randomBytes: RandomBytes): ParsedKey {
  if (config.adminKeyPath !== null) return readKey(config.adminKeyPath)
  const path = adminKeyPath(config)
  const key = formatKey(prefix, generateId(randomBytes), generateSecret(randomBytes))
  try {
    writeFileSync(path, `${key}\n`, { mode: 0o600, flag: 'wx', flush: true })
  } catch (error) {
    // Left by a start that did not come to its end, or made by one that is under way beside this one.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readKey(path)
}

/**
 * A fresh admin key in a file of its own, on disk before the store learns of it: a store that then refuses leaves a
 * file without a credential, never a credential whose secret nobody has. What an earlier try left is replaced.
 */
export function newAdminKeyFile(path: string, prefix: string, randomBytes: RandomBytes): ParsedKey {
  rmSync(path, { force: true })
  const key = formatKey(prefix, generateId(randomBytes), generateSecret(randomBytes))
  writeFileSync(path, `${key}\n`, { mode: 0o600, flag: 'wx', flush: true })
  return readKey(path)
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
