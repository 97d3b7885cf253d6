import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { usageFailure } from './failure.ts'

/** A server to talk to, and how to find the key for it. The key is in the file named, or in the profile itself. */
export interface Profile {
  readonly url: string
  readonly keyFile: string | null
  readonly key: string | null
}

export interface Profiles {
  /** The profile that is used when none is named. */
  readonly current: string | null
  readonly byName: ReadonlyMap<string, Profile>
}

type Env = Readonly<Record<string, string | undefined>>

/** `$XDG_CONFIG_HOME/credence/profiles.json`; the variable is ignored unless absolute (XDG base directories). */
export function profilesPath(env: Env): string {
  const xdg = env.XDG_CONFIG_HOME
  const home = xdg?.startsWith('/') === true ? xdg : join(env.HOME ?? homedir(), '.config')
  return join(home, 'credence', 'profiles.json')
}

/** The profiles kept at a path; none where there is no file. */
export async function readProfiles(path: string): Promise<Profiles> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { current: null, byName: new Map() }
    throw usageFailure(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
  const profiles = parseProfiles(text)
  if (profiles === null) throw usageFailure(`${path} is not a file of profiles; repair or remove it`)
  return profiles
}

/** Replaces the file in one step, readable by its owner only: a crash leaves the old one or the new one. */
export async function writeProfiles(path: string, profiles: Profiles): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const byName = Object.fromEntries(
    [...profiles.byName].map(([name, { url, keyFile, key }]) => [name, { url, key_file: keyFile, key }]),
  )
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify({ current: profiles.current, profiles: byName }, null, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await chmod(path, 0o600)
  } finally {
    await rm(temporary, { force: true })
  }
}

function parseProfiles(text: string): Profiles | null {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch {
    return null
  }
  if (!isObject(file) || !isObject(file.profiles)) return null
  const byName = new Map<string, Profile>()
  for (const [name, entry] of Object.entries(file.profiles)) {
    if (!isObject(entry) || typeof entry.url !== 'string') return null
    byName.set(name, { url: entry.url, keyFile: textOrNull(entry.key_file), key: textOrNull(entry.key) })
  }
  return { current: textOrNull(file.current), byName }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
