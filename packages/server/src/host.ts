import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { type ListenerTls, loadClientCertificates } from './client-ca.ts'
import { type Config, type Environment, formatConfigProblems, parseConfig } from './config.ts'
import { HOST_EXIT, HostProblem } from './host-problem.ts'
import { finishRestore } from './keep/finish-restore.ts'
import { type Keyring, openKeyring } from './keyring.ts'
import { DEFAULT_WORKSPACE_NAME } from './operations/bootstrap.ts'
import type { JournalTried } from './store/keep-journal.ts'
import { type MigrationPlan, USAGE_MIGRATIONS } from './store/migrate.ts'
import { type Store, StoreFault } from './store/port.ts'
import { openSqliteStore } from './store/sqlite.ts'
import { planMigrations } from './store/sqlite-migrate.ts'
import { openUsageStore } from './store/sqlite-usage.ts'
import { StoreInUse } from './store/sqlite-use.ts'
import type { UsageStore } from './store/usage-port.ts'
import { type Certificate, type CertificatePaths, loadCertificate } from './tls.ts'

/** Where the command's words go. */
export interface Streams {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
}

/** Setting of the store: which keyring its digests are sealed under. */
export const KEYRING_SETTING = 'keyring_fingerprint'

/** @throws HostProblem that lists everything wrong with the configuration */
export function configFrom(env: Environment): Config {
  const parsed = parseConfig(env, (path) => readFileSync(path, 'utf8'))
  if (parsed.ok) return parsed.config
  throw new HostProblem(`the configuration cannot be used:\n${formatConfigProblems(parsed.problems)}`)
}

export function storePath(config: Config): string {
  return join(config.dataPath, 'credence.db')
}

export function usagePath(config: Config): string {
  return join(config.dataPath, 'usage.db')
}

/**
 * The store that the configuration names. Only a process that uses PostgreSQL loads what speaks to it. Ends a restore
 * of the embedded one that died first.
 * @param onJournal told whether the journal of revocations is kept, which an embedded store has
 */
export async function openStore(config: Config, onJournal: (tried: JournalTried) => void): Promise<Store> {
  const { databaseUrl, databasePoolSize, databaseReadTimeoutMs, migrate } = config
  if (databaseUrl === null) {
    const path = storePath(config)
    finishRestore(resolve(path))
    const journal = { path: config.revocationsJournalPath, onTried: onJournal }
    return openSqliteStore({ path, migrate, clock: Date.now, journal })
  }
  const { openPostgresStore } = await import('./store/postgres.ts')
  return openPostgresStore({
    url: databaseUrl,
    poolSize: databasePoolSize,
    readTimeoutMs: databaseReadTimeoutMs,
    migrate,
    clock: Date.now,
    random: Math.random,
  })
}

/** Tells whoever runs a command of the host when the journal is not kept. */
export function tellOfJournal(streams: Streams): (tried: JournalTried) => void {
  return ({ problem }) => {
    if (problem === null) return
    streams.stderr.write(`! the journal of revocations is not written: ${problem}\n`)
  }
}

/** Null: no TLS is asked for. @throws HostProblem when the files hold nothing usable */
export function certificateFor(config: Config): (Certificate & ListenerTls) | null {
  const paths = certificatePaths(config)
  if (paths === null) return null
  const loaded = loadCertificate(paths)
  if (!loaded.ok) throw new HostProblem(loaded.problem)
  const clients = loadClientCertificates(config)
  if (!clients.ok) throw new HostProblem(clients.problem)
  return { ...loaded.certificate, ...clients.options }
}

export function certificatePaths({ tlsCertPath, tlsKeyPath }: Config): CertificatePaths | null {
  return tlsCertPath === null || tlsKeyPath === null ? null : { certPath: tlsCertPath, keyPath: tlsKeyPath }
}

/** Usage, beside the store. */
export async function openUsage(config: Config): Promise<UsageStore> {
  const { databaseUrl, migrate } = config
  if (databaseUrl === null) return openUsageStore({ path: usagePath(config), migrate, clock: Date.now })
  const { openPostgresUsageStore } = await import('./store/postgres-usage.ts')
  return openPostgresUsageStore({ url: databaseUrl, migrate, clock: Date.now })
}

/** What a start would still do to the schema, part by part. @throws StoreFault as a start would */
export async function planOf(config: Config): Promise<{ store: MigrationPlan; usage: MigrationPlan }> {
  const { databaseUrl } = config
  if (databaseUrl === null) {
    const store = planMigrations(storePath(config))
    return { store, usage: planMigrations(usagePath(config), USAGE_MIGRATIONS) }
  }
  const { planPostgresStore } = await import('./store/postgres.ts')
  const { planPostgresUsage } = await import('./store/postgres-usage.ts')
  return { store: await planPostgresStore(databaseUrl), usage: await planPostgresUsage(databaseUrl) }
}

/**
 * The keyring that belongs to the store. None is invented for a store that others may share: each node would seal
 * under its own.
 * @throws HostProblem when it is another one, or gone
 */
export async function keyringFor(config: Config, store: Store): Promise<Keyring> {
  const fingerprintInStore = (await store.readSetting(KEYRING_SETTING)) ?? null
  const isNew = (await store.readByName('workspace', null, DEFAULT_WORKSPACE_NAME)) === undefined
  const isShared = store.name === 'postgres'
  const path = config.keyringPath
  if (isShared && fingerprintInStore === null && !existsSync(path)) {
    throw new HostProblem(
      `there is no keyring at ${path}, and with PostgreSQL no node invents one: make it once, with ` +
        '`credence keyring create`, and give the same file to every node (CREDENCE_KEYRING)',
    )
  }
  const opened = openKeyring({
    path,
    mayCreate: isNew && !isShared,
    fingerprintInStore,
    randomBytes,
    nowMs: Date.now(),
  })
  if (!opened.ok) throw new HostProblem(opened.problem)
  return opened.keyring
}

/** Runs a command of the host; what the operator can mend becomes a line or two and an exit code. */
export async function onHost(streams: Streams, command: () => Promise<number>): Promise<number> {
  try {
    return await command()
  } catch (error) {
    if (!isMendable(error)) throw error
    streams.stderr.write(`credence: ${error.message}\n`)
    if (error instanceof HostProblem) return error.exitCode
    return error instanceof StoreInUse ? HOST_EXIT.conflict : HOST_EXIT.refused
  }
}

/** What the operator can mend; besides our own that is the system's: a port in use, a folder that cannot be written. */
export function isMendable(error: unknown): error is Error {
  return (
    error instanceof HostProblem ||
    error instanceof StoreFault ||
    (error instanceof Error && 'syscall' in error)
  )
}

/** Resolves with the first signal that asks this process to end. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
}
