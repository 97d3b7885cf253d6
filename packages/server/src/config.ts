import { join } from 'node:path'
import {
  type ConfigProblem,
  errorCode,
  IN_FILE,
  type ReadFile,
  readConfigFile,
  unknownName,
} from './config-file.ts'
import { problemsTogether } from './config-together.ts'
import {
  CONFIG_FILE_SETTING,
  fileName,
  fileNames,
  SETTINGS,
  type Setting,
  type SettingKey,
  type SettingValues,
} from './settings.ts'

/** The configuration of one server, whole and checked. See settings.ts for the meaning of each value. */
export type Config = Omit<SettingValues, PathInData> & { readonly [K in PathInData]: string }

/** A file in the data folder, unless the setting says otherwise. */
type PathInData = 'keyringPath' | 'revocationsJournalPath'

export type { ConfigProblem, ReadFile }

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }

export type Environment = Readonly<Record<string, string | undefined>>

/** Variables of the same prefix that belong to the CLI and to tests. */
const NOT_OURS = /^CREDENCE_(?:KEY|KEY_FILE|URL|PROFILE|COPY_TO|COPY_TO_FILE|TEST_.*)$/

/** A setting's text, and where it came from, for messages. */
interface Source {
  readonly from: string
  readonly text: string
}

/**
 * Reads all settings from variables and the config file (the variable wins). Either everything is right or
 * nothing takes effect and every problem is listed. No problem repeats the value at fault.
 */
export function parseConfig(env: Environment, readFile: ReadFile): ConfigResult {
  const problems: ConfigProblem[] = []
  const file = readConfigFile(env[CONFIG_FILE_SETTING], readFile, problems)
  const values: Partial<Record<SettingKey, unknown>> = {}
  for (const key of settingKeys()) {
    const setting: Setting<unknown> = SETTINGS[key]
    values[key] = setting.default
    // What the variable overrides is checked all the same: a wrong file is wrong before it is needed.
    for (const source of sources(setting, env, file, readFile, problems)) {
      const parsed = parseSource(setting, source, problems)
      if (parsed !== undefined) values[key] = parsed
    }
  }
  problems.push(...unknownVariables(env))
  // Each value is its setting's default or came out of that setting's own parser.
  const settled = values as SettingValues
  problems.push(...problemsTogether(settled))
  if (problems.length > 0) return { ok: false, problems }
  const { dataPath } = settled
  const keyringPath = settled.keyringPath ?? join(dataPath, 'keyring.json')
  const revocationsJournalPath = settled.revocationsJournalPath ?? join(dataPath, 'revocations.jsonl')
  return { ok: true, config: Object.freeze({ ...settled, keyringPath, revocationsJournalPath }) }
}

/** The problems as lines for a terminal. */
export function formatConfigProblems(problems: readonly ConfigProblem[]): string {
  return problems
    .map(({ setting, problem, allowed }) => {
      const takes = allowed === null ? '' : `\n    allowed: ${allowed.replaceAll('`', '')}`
      return `  ${setting} ${problem}${takes}`
    })
    .join('\n')
}

function settingKeys(): SettingKey[] {
  return Object.keys(SETTINGS) as SettingKey[]
}

function parseSource(setting: Setting<unknown>, source: Source, problems: ConfigProblem[]): unknown {
  if (source.text.trim() === '') {
    problems.push({
      setting: source.from,
      problem: 'is blank; give a value or leave it out',
      allowed: setting.allowed,
    })
    return undefined
  }
  const parsed = setting.parse(source.text)
  if (parsed.ok) return parsed.value
  problems.push({ setting: source.from, problem: parsed.problem, allowed: setting.allowed })
  return undefined
}

/** Where a setting is given: the config file first, then the variable, which wins. */
function sources(
  setting: Setting<unknown>,
  env: Environment,
  file: ReadonlyMap<string, string>,
  readFile: ReadFile,
  problems: ConfigProblem[],
): Source[] {
  const name = fileName(setting)
  const found = [sourceOf(name + IN_FILE, file.get(name)), sourceOf(setting.name, env[setting.name])]
  if (setting.secret) {
    const paths = [
      sourceOf(`${name}_file${IN_FILE}`, file.get(`${name}_file`)),
      sourceOf(`${setting.name}_FILE`, env[`${setting.name}_FILE`]),
    ]
    for (const [place, path] of paths.entries()) {
      const direct = found[place]
      if (path && direct) {
        const problem = `stands beside ${path.from}; give one of the two`
        problems.push({ setting: direct.from, problem, allowed: null })
      }
      if (path) found[place] = readSecret(path, readFile, problems)
    }
  }
  return found.filter((source) => source !== null)
}

function sourceOf(from: string, text: string | undefined): Source | null {
  return text === undefined ? null : { from, text }
}

/** What the file holds without the line break that editors and `echo` end it with. */
function readSecret(path: Source, readFile: ReadFile, problems: ConfigProblem[]): Source | null {
  const allowed = 'the path of a readable file'
  if (path.text.trim() === '') {
    problems.push({ setting: path.from, problem: 'is blank; give a value or leave it out', allowed })
    return null
  }
  try {
    return { from: path.from, text: readFile(path.text).replace(/\r?\n$/, '') }
  } catch (error) {
    problems.push({
      setting: path.from,
      problem: `names a file that cannot be read (${errorCode(error)})`,
      allowed,
    })
    return null
  }
}

function unknownVariables(env: Environment): ConfigProblem[] {
  const known = [CONFIG_FILE_SETTING, ...fileNames().map((name) => `CREDENCE_${name.toUpperCase()}`)]
  return Object.keys(env)
    .filter((name) => name.startsWith('CREDENCE_') && env[name] !== undefined)
    .filter((name) => !known.includes(name) && !NOT_OURS.test(name))
    .map((name) => unknownName(name, known, ''))
}
