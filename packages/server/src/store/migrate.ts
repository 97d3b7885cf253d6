import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type SchemaState, StoreFault } from './port.ts'

/**
 * Migrations are numbered files of plain SQL that run forward only. They add and never take away, so that the
 * release before goes on working on the new schema; one that cannot says so in its first line.
 */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
  /** Hex SHA-256 of the text: what was applied is what this release knows under that number. */
  readonly checksum: string
  /** A release whose newest migration is below this must not run once this one has been applied. */
  readonly oldestCompatible: number
}

/** A row of schema_migrations. */
export interface AppliedMigration {
  readonly version: number
  readonly name: string
  readonly checksum: string
  readonly oldestCompatible: number
}

/** auto: bring the schema up to date. check: refuse to run when it is not. off: run on whatever is compatible. */
export const MIGRATE_MODES = ['auto', 'check', 'off'] as const
export type MigrateMode = (typeof MIGRATE_MODES)[number]

export const STORE_MIGRATIONS = join(import.meta.dirname, 'migrations')
export const USAGE_MIGRATIONS = join(import.meta.dirname, 'usage-migrations')

export const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS schema_migrations (
  version BIGINT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  applied_at_ms BIGINT NOT NULL,
  checksum TEXT NOT NULL,
  oldest_compatible BIGINT NOT NULL
)`

const FILE_NAME = /^(\d{4})-([a-z0-9-]+)\.sql$/
const FIRST_LINE = /^-- oldest-compatible: (\d+)\n/

/** The migrations of a folder, oldest first. @throws Error when a file is misnamed or a number missing */
export function loadMigrations(folder: string): Migration[] {
  const files = readdirSync(folder).toSorted()
  return files.map((file, i) => {
    const [, number, name] = FILE_NAME.exec(file) ?? []
    if (name === undefined || Number(number) !== i + 1) {
      throw new Error(`Migration ${file} should be called ${String(i + 1).padStart(4, '0')}-<name>.sql`)
    }
    // A check-out with other line ends is the same migration.
    return toMigration(i + 1, name, readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n'))
  })
}

export function toMigration(version: number, name: string, sql: string): Migration {
  const oldestCompatible = Number(FIRST_LINE.exec(sql)?.[1])
  if (!(oldestCompatible >= 1 && oldestCompatible <= version)) {
    throw new Error(
      `Migration ${version} (${name}) must begin with "-- oldest-compatible: <1 to ${version}>"`,
    )
  }
  return { version, name, sql, checksum: createHash('sha256').update(sql).digest('hex'), oldestCompatible }
}

export interface MigrationPlan {
  readonly state: SchemaState
  /** What this release would still apply, oldest first. */
  readonly pending: readonly Migration[]
}

/**
 * What is to be done to a database.
 * @param applied its schema_migrations, oldest first
 * @throws StoreFault when this release must not run on it, or a migration is not the one that was applied
 */
export function planFor(known: readonly Migration[], applied: readonly AppliedMigration[]): MigrationPlan {
  const newestKnown = known.length
  const state = {
    version: applied.at(-1)?.version ?? 0,
    oldestCompatible: applied.reduce((oldest, row) => Math.max(oldest, row.oldestCompatible), 0),
  }
  if (newestKnown < state.oldestCompatible) {
    throw new StoreFault(
      `This release knows the schema up to migration ${newestKnown}, and the database needs a release that knows ` +
        `migration ${state.oldestCompatible}. Start a newer release, or restore a backup made before the upgrade.`,
    )
  }
  for (const { version, name, checksum } of applied) {
    const mine = known[version - 1]
    if (mine === undefined || mine.checksum === checksum) continue
    throw new StoreFault(
      `Migration ${version} (${mine.name}) is not the one that was applied to the database (${name}): ` +
        `its checksum is ${mine.checksum.slice(0, 12)}, the applied one's ${checksum.slice(0, 12)}.`,
    )
  }
  const done = new Set(applied.map(({ version }) => version))
  return { state, pending: known.filter(({ version }) => !done.has(version)) }
}

/** Refuses a plan with something left to do, in mode `check`. @throws StoreFault */
export function refusePending({ pending }: MigrationPlan): void {
  if (pending.length === 0) return
  const names = pending.map(({ version, name }) => `${version} (${name})`).join(', ')
  throw new StoreFault(
    `The database lacks migrations ${names}, and CREDENCE_MIGRATE=check applies none. ` +
      'Start once with CREDENCE_MIGRATE=auto, or see what they do: credence migrate --plan',
  )
}
