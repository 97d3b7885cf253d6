import { parseStrictJson } from '@credence/core'
import { nearestName } from './nearest-name.ts'
import { CONFIG_FILE_SETTING, fileNames } from './settings.ts'

export interface ConfigProblem {
  /** Name of the variable, or of the entry in the config file. */
  readonly setting: string
  readonly problem: string
  /** What it takes; null where nothing does. */
  readonly allowed: string | null
}

/** Reads a text file; throws when it cannot. */
export type ReadFile = (path: string) => string

/** Follows the name of an entry, in messages. */
export const IN_FILE = ' in the config file'
const MAX_FILE_CHARACTERS = 1_048_576

/** The config file's entries as texts, by name. What is wrong with it goes to `problems`. */
export function readConfigFile(
  path: string | undefined,
  readFile: ReadFile,
  problems: ConfigProblem[],
): ReadonlyMap<string, string> {
  const entries = new Map<string, string>()
  if (path === undefined) return entries
  const allowed = 'the path of a JSON file that holds one object'
  const members = path.trim() === '' ? 'is blank; give a value or leave it out' : readMembers(path, readFile)
  if (typeof members === 'string') {
    problems.push({ setting: CONFIG_FILE_SETTING, problem: members, allowed })
    return entries
  }
  const known = fileNames()
  for (const [name, value] of members) {
    const text = entryText(value)
    if (!known.includes(name)) {
      problems.push(unknownName(name, known, IN_FILE))
    } else if (text === null) {
      problems.push({
        setting: name + IN_FILE,
        problem: 'is not a text, number, boolean or list of texts',
        allowed: null,
      })
    } else {
      entries.set(name, text)
    }
  }
  return entries
}

function readMembers(path: string, readFile: ReadFile): [string, unknown][] | string {
  let text: string
  try {
    text = readFile(path)
  } catch (error) {
    return `names a file that cannot be read (${errorCode(error)})`
  }
  if (text.length > MAX_FILE_CHARACTERS) return 'names a file that is too large'
  const json = parseStrictJson(text)
  // The parser's message may quote the file, and that may hold a secret.
  if (!json.ok) return 'names a file that is not JSON, or that names a member twice'
  const { value } = json
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
  return 'names a file that does not hold one JSON object'
}

/** A list is written as its variable would be; null where the value cannot be a setting. */
function entryText(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(',')
  return null
}

/** The problem of a name that no setting has, with the one that was likely meant. */
export function unknownName(name: string, known: readonly string[], where: string): ConfigProblem {
  const nearest = nearestName(name, known)
  const hint = nearest === null ? '' : `; did you mean ${nearest}?`
  return { setting: printable(name) + where, problem: `is not a setting${hint}`, allowed: null }
}

/** Names come from outside; a terminal must not act on them. */
function printable(name: string): string {
  return name.slice(0, 80).replace(/[^\x20-\x7e]/g, '?')
}

/** `ENOENT` and the like; the message of an error may quote more than the operator should see. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unreadable'
}
