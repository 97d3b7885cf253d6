/** Everything of the process that a command touches, so that a test can stand in for it. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: TextSink
  readonly stderr: TextSink
  readonly stdin: SecretSource
  /** Milliseconds since the Unix epoch. */
  readonly clock: () => number
  readonly fetch: typeof globalThis.fetch
  /** A fresh unguessable id, for Idempotency-Key. */
  readonly randomId: () => string
  /** Resolves after so many milliseconds, or at once when the user interrupts. */
  readonly sleep: (ms: number) => Promise<void>
  /** Whether the user has asked to stop (SIGINT). */
  readonly interrupted: () => boolean
  /** The server's code is loaded only by the commands that run on the host itself. */
  readonly loadServer: () => Promise<ServerModule>
}

export interface TextSink {
  readonly isTty: boolean
  /** Width in columns; meaningful on a terminal. */
  readonly columns: number
  write(text: string): void
}

export interface SecretSource {
  readonly isTty: boolean
  /** All of standard input. Rejects beyond 64 KiB. */
  readAll(): Promise<string>
  /** One line typed at the terminal, not echoed. */
  readHidden(prompt: string): Promise<string>
}

type Env = Readonly<Record<string, string | undefined>>

interface HostStreams {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
}

/** What the command needs of `@credence/server`. Each resolves to the process's exit code, or nothing for 0. */
export interface ServerModule {
  /** Runs the server until it is told to stop. */
  run(env: Env, streams: HostStreams): Promise<number | undefined>
  /** Brings the database up to date; with `plan`, only says what would be done. */
  migrateFromEnvironment(
    env: Env,
    options: { readonly plan: boolean },
    streams: HostStreams,
  ): Promise<number | undefined>
  /** Makes a new admin key from the host's own data folder. */
  recoverAdmin(env: Env, streams: HostStreams): Promise<number | undefined>
  /** Copies the embedded store. */
  backUpFromEnvironment(
    env: Env,
    options: { readonly to: string; readonly json: boolean },
    streams: HostStreams,
  ): Promise<number | undefined>
  /** Puts a backup in its place. */
  restoreFromEnvironment(
    env: Env,
    options: { readonly from: string; readonly acceptUnknown: boolean; readonly json: boolean },
    streams: HostStreams,
  ): Promise<number | undefined>
  /** Moves everything into another store. */
  copyStoreFromEnvironment(
    env: Env,
    options: { readonly to: string | null; readonly toFile: string | null; readonly json: boolean },
    streams: HostStreams,
  ): Promise<number | undefined>
  /** Makes the keyring that all nodes of a shared database are given. */
  makeKeyring(env: Env, streams: HostStreams): Promise<number | undefined>
}
