import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Config, Environment } from './config.ts'
import { configFrom, onHost, type Streams } from './host.ts'
import { HOST_EXIT, HostProblem } from './host-problem.ts'
import { type CopyMade, copyStore } from './keep/copy-store.ts'
import { finishRestore } from './keep/finish-restore.ts'
import { databaseUrl } from './setting-parsers.ts'
import type { CopySource, CopyTarget } from './store/copy-port.ts'
import { openSqliteCopySource, openSqliteCopyTarget, sqlitePathsIn } from './store/sqlite-copy.ts'

export interface CopyCommand {
  /** Where to; null: the variable CREDENCE_COPY_TO says so. */
  readonly to: string | null
  /** A file that says where to; null: the variable CREDENCE_COPY_TO_FILE may name one. */
  readonly toFile: string | null
  readonly json: boolean
}

/** `credence store copy`: moves everything from the configured store into another. */
export function copyStoreFromEnvironment(
  env: Environment,
  command: CopyCommand,
  streams: Streams,
): Promise<number> {
  return onHost(streams, async () => {
    const config = configFrom(env)
    const to = targetOf(env, command)
    const source = await openSource(config)
    try {
      const target = await openTarget(to, config)
      try {
        let last = ''
        const made = await copyStore(source, target, (table) => {
          if (table !== last) streams.stderr.write(`  ${table} …\n`)
          last = table
        })
        if (command.json) streams.stdout.write(`${JSON.stringify(copyJson(made, target.name), null, 2)}\n`)
        streams.stderr.write(`${copyLines(made, source.name, target.name).join('\n')}\n`)
        return 0
      } finally {
        await target.close()
      }
    } finally {
      await source.close()
    }
  })
}

/** The URL may hold a password: it is in no message. */
function targetOf(env: Environment, { to, toFile }: CopyCommand): string {
  const given = [
    ['--to', to],
    ['--to-file', toFile],
    ['CREDENCE_COPY_TO', env.CREDENCE_COPY_TO ?? null],
    ['CREDENCE_COPY_TO_FILE', env.CREDENCE_COPY_TO_FILE ?? null],
  ] as const
  // The command line wins over the environment; of each, one.
  const options = given.slice(0, 2).filter(([, value]) => value !== null)
  const chosen = options.length > 0 ? options : given.slice(2).filter(([, value]) => value !== null)
  const [first, second] = chosen
  if (first === undefined) {
    throw new HostProblem(`say where to: ${given.map(([name]) => name).join(', ')}`)
  }
  if (second !== undefined)
    throw new HostProblem(`${first[0]} stands beside ${second[0]}; give one of the two`)
  const [name, value] = first
  const text = /file$/i.test(name) ? readFileSync(value!, 'utf8').replace(/\r?\n$/, '') : value!
  if (text.trim() === '') throw new HostProblem(`${name} is blank`)
  return text
}

/** The store that the configuration names. Only a copy with a PostgreSQL loads what speaks to one. */
async function openSource(config: Config): Promise<CopySource> {
  if (config.databaseUrl !== null) {
    const { openPostgresCopySource } = await import('./store/postgres-copy.ts')
    return openPostgresCopySource(config.databaseUrl)
  }
  const paths = sqlitePathsIn(config.dataPath)
  finishRestore(paths.state)
  return openSqliteCopySource(paths)
}

async function openTarget(to: string, config: Config): Promise<CopyTarget> {
  if (/^postgres(?:ql)?:/i.test(to)) {
    const parsed = databaseUrl.parse(to)
    if (!parsed.ok)
      throw new HostProblem(`the URL to copy to ${parsed.problem}; it takes ${databaseUrl.allowed}`)
    const { openPostgresCopyTarget } = await import('./store/postgres-copy.ts')
    return openPostgresCopyTarget(to, Date.now)
  }
  const folder = /^sqlite:(.+)$/s.exec(to)?.[1]
  if (folder === undefined) {
    throw new HostProblem(
      'a copy goes to a postgres:// URL, or to sqlite:FOLDER, a data folder; new or empty',
    )
  }
  if (config.databaseUrl === null && resolve(folder) === resolve(config.dataPath)) {
    throw new HostProblem('the copy would go into the data folder that it comes from', HOST_EXIT.conflict)
  }
  return openSqliteCopyTarget(sqlitePathsIn(folder), Date.now)
}

function copyLines({ head, isResumed, tables }: CopyMade, from: string, to: string): string[] {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  return [
    `✓ ${from} was copied to ${to}${isResumed ? ', going on from where an earlier run came to' : ''}`,
    `  tables ${tables.length}, rows ${rows}, position ${head.position}; read back from both, and the same`,
    '  It belongs to the same keyring: bring that along by hand. From now on write to one of the two only: what one',
    '  revokes the other would go on accepting.',
  ]
}

function copyJson({ head, isResumed, tables }: CopyMade, to: string) {
  return { to, position: head.position, resumed: isResumed, tables }
}
