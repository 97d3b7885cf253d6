import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT } from './exit-code.ts'
import { Failure, usageFailure } from './failure.ts'
import { type Profile, profilesPath, readProfiles } from './profile.ts'
import type { Terminal } from './terminal.ts'

export const DEFAULT_URL = 'http://127.0.0.1:6749'

/** The options of every command that say which server and which key. */
export interface ConnectionOptions {
  readonly url?: string
  readonly key?: string
  readonly keyFile?: string
  readonly profile?: string
}

export interface Connection {
  readonly url: URL
  readonly key: string
  /** Where the key came from, for messages; never the key. */
  readonly keyFrom: string
  readonly warnings: readonly string[]
}

/**
 * Which server to talk to and with which key, the most explicit first. A key that was not named for this server (a
 * profile's, the data folder's) goes only where it belongs: otherwise `--url` would hand the admin key to any host.
 */
export async function resolveConnection(options: ConnectionOptions, terminal: Terminal): Promise<Connection> {
  const { env } = terminal
  const profile = await chosenProfile(options, env)
  const url = parseUrl(options.url ?? nonEmpty(env.CREDENCE_URL) ?? profile?.url ?? DEFAULT_URL)
  const found =
    (await keyFromOptions(options, terminal)) ??
    (await keyFromEnv(env)) ??
    (await keyFromProfile(profile, url)) ??
    (await keyFromDataFolder(url, env))
  if (found === null) throw new Failure(EXIT.notAuthorized, ...noKeyLines(url, env))
  const warnings = [...found.warnings]
  if (url.protocol === 'http:' && !isLoopback(url)) {
    warnings.push(
      `the key goes to ${url.host} unencrypted; use https:// where the server is not on this machine`,
    )
  }
  return { url, key: headerSafe(found.key, found.from), keyFrom: found.from, warnings }
}

interface FoundKey {
  readonly key: string
  readonly from: string
  readonly warnings: readonly string[]
}

async function keyFromOptions(options: ConnectionOptions, terminal: Terminal): Promise<FoundKey | null> {
  if (options.keyFile !== undefined && options.key !== undefined) {
    throw usageFailure('--key and --key-file exclude each other')
  }
  if (options.keyFile !== undefined) return foundIn(options.keyFile, '--key-file')
  if (options.key === undefined) return null
  if (options.key === '-')
    return { key: await secretFromStdin(terminal, 'key: '), from: 'standard input', warnings: [] }
  const warning =
    'a key on the command line stays in the shell history and shows in ps; use --key-file or --key -'
  return { key: options.key, from: '--key', warnings: [warning] }
}

async function keyFromEnv(env: Terminal['env']): Promise<FoundKey | null> {
  const key = nonEmpty(env.CREDENCE_KEY)
  const file = nonEmpty(env.CREDENCE_KEY_FILE)
  if (key !== undefined && file !== undefined) {
    throw usageFailure('CREDENCE_KEY and CREDENCE_KEY_FILE are both set; unset one')
  }
  if (key !== undefined) return { key, from: 'CREDENCE_KEY', warnings: [] }
  return file === undefined ? null : foundIn(file, 'CREDENCE_KEY_FILE')
}

async function keyFromProfile(profile: NamedProfile | null, url: URL): Promise<FoundKey | null> {
  if (profile === null || parseUrl(profile.url).origin !== url.origin) return null
  const from = `profile ${profile.name}`
  if (profile.key !== null) return { key: profile.key, from, warnings: [] }
  return profile.keyFile === null ? null : foundIn(profile.keyFile, from)
}

async function keyFromDataFolder(url: URL, env: Terminal['env']): Promise<FoundKey | null> {
  if (!isLoopback(url)) return null
  const path = adminKeyPath(env)
  try {
    return { key: oneLine(await readFile(path, 'utf8'), path), from: path, warnings: [] }
  } catch (error) {
    if (error instanceof Failure) throw error
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw usageFailure(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
}

function adminKeyPath(env: Terminal['env']): string {
  return join(nonEmpty(env.CREDENCE_DATA) ?? './data', 'admin.key')
}

async function foundIn(path: string, from: string): Promise<FoundKey> {
  return { key: await secretFromFile(path), from: `${from} ${path}`, warnings: [] }
}

/** The secret in a file: one line, space around it ignored. */
export async function secretFromFile(path: string): Promise<string> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw usageFailure(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
  return oneLine(text, path)
}

/** The secret on standard input; at a terminal it is asked for and not echoed. */
export async function secretFromStdin(terminal: Terminal, prompt: string): Promise<string> {
  const { stdin } = terminal
  return oneLine(stdin.isTty ? await stdin.readHidden(prompt) : await stdin.readAll(), 'standard input')
}

function oneLine(text: string, from: string): string {
  const secret = text.trim()
  if (secret === '') throw usageFailure(`there is nothing in ${from}`)
  if (/[\r\n]/.test(secret))
    throw usageFailure(`${from} holds more than one line; it must hold one secret alone`)
  return secret
}

/** A key travels in a header field: anything but visible ASCII could end the field. */
function headerSafe(key: string, from: string): string {
  if (!/^[\x21-\x7e]{1,4096}$/.test(key)) throw usageFailure(`what ${from} holds is not a key`)
  return key
}

interface NamedProfile extends Profile {
  readonly name: string
}

async function chosenProfile(options: ConnectionOptions, env: Terminal['env']): Promise<NamedProfile | null> {
  const path = profilesPath(env)
  const profiles = await readProfiles(path)
  const named = options.profile ?? nonEmpty(env.CREDENCE_PROFILE)
  const name = named ?? profiles.current
  if (name === null || name === undefined) return null
  const profile = profiles.byName.get(name)
  if (profile !== undefined) return { name, ...profile }
  throw usageFailure(`there is no profile ${name} in ${path}; see credence profile list`)
}

/** The server's address: http or https, without user, query or fragment. A path is kept, for a server behind a prefix. */
export function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw usageFailure(`${JSON.stringify(text)} is not a server's address such as ${DEFAULT_URL}`)
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw usageFailure(
      "a server's address has no user, query or fragment; the key comes from a file or standard input",
    )
  }
  return url
}

export function isLoopback(url: URL): boolean {
  return (
    url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(url.hostname)
  )
}

function noKeyLines(url: URL, env: Terminal['env']): string[] {
  const looked = isLoopback(url)
    ? `there is no ${adminKeyPath(env)} here`
    : 'the admin key is only sent to this machine'
  return [
    `no key for ${url.origin}: ${looked}`,
    'give one with --key-file PATH, --key - (standard input), CREDENCE_KEY_FILE or credence profile set',
  ]
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}
