import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'

/** Much more than a start takes on a loaded machine. */
const LIMIT_MS = 30_000

const PACKAGES = join(import.meta.dirname, '../..')

/**
 * A start from sources that are not in the compile cache loads what strips types, into the main thread and each
 * worker thread, and keeps it: 200 MB at rest instead of 145. So the first start from these sources lets a process
 * of its own fill the cache, for a second. Does nothing where nothing can be cached.
 */
export function rehearseOnce() {
  const rehearsal = join(import.meta.dirname, 'rehearsal.ts')
  const cache = getCompileCacheDir()
  // In a package that was published there are no types to strip.
  if (!existsSync(rehearsal) || cache === undefined || !isWritable(cache)) return
  const form = formOf(process.env.CREDENCE_WORKERS)
  // The cache knows a file by its path: of two checkouts, each has its own state.
  const note = join(cache, `rehearsed-${form}-${digestOf([PACKAGES])}`)
  const sources = digestOf(statesOfSources())
  if (contentOf(note) === sources) return
  spawnSync(process.execPath, [...process.execArgv, rehearsal, form], { stdio: 'ignore', timeout: LIMIT_MS })
  // Also when it failed: it would the next time, and the start itself says why.
  writeNote(note, sources)
}

/**
 * What is loaded depends on whether there are workers. Where a file of settings asks for them, which is not read here,
 * the form without is rehearsed: most of it is the same.
 * @param {string | undefined} workers
 */
function formOf(workers) {
  return workers === undefined || workers === '1' ? 'single' : 'workers'
}

/** Every TypeScript source that could be loaded: path, size and time of change. */
function* statesOfSources() {
  for (const name of readdirSync(PACKAGES).sort()) {
    const folder = join(PACKAGES, name, 'src')
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue
      const { size, mtimeMs } = statSync(join(folder, file))
      yield `${name}/${file} ${size} ${mtimeMs}`
    }
  }
}

/** @param {Iterable<string>} lines */
function digestOf(lines) {
  const hash = createHash('sha256')
  for (const line of lines) hash.update(`${line}\n`)
  return hash.digest('hex').slice(0, 32)
}

/** @param {string} folder */
function isWritable(folder) {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** @param {string} path */
function contentOf(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

/**
 * @param {string} path
 * @param {string} content
 */
function writeNote(path, content) {
  try {
    writeFileSync(path, content)
  } catch {
    // A full disk, say: the next start rehearses again, and works all the same.
  }
}
