import { isIP } from 'node:net'
import type { Redis } from 'ioredis'
import type { ValkeyAddress } from '../setting-parsers.ts'
import type { ValkeyScript } from './valkey-script.ts'

export interface ValkeyConnectionOptions {
  readonly address: ValkeyAddress
  /** 0 … 1, for the pause between two attempts to connect. */
  readonly random: () => number
  /** It can be asked now. */
  readonly onReady: () => void
  /** It cannot be asked, and why; told once for each reason. The reason holds no secret. */
  readonly onDown: (reason: string) => void
}

/** A request waits no longer for an answer. */
const COMMAND_TIMEOUT_MS = 500
const CONNECT_TIMEOUT_MS = 2000
const DISCONNECT_TIMEOUT_MS = 200
/** A connection on which nothing comes back for so long is given up: its other end may be gone. */
const SILENCE_MS = 2000
const MAX_PAUSE_MS = 1000
const CLOSED = 'the connection was closed'

/**
 * The connection to Valkey or Redis. While it is down every call fails at once: nothing is queued. It is made anew
 * by itself, after pauses that grow and differ from node to node.
 */
export class ValkeyConnection {
  readonly #client: Redis
  readonly #password: string | null
  readonly #onDown: (reason: string) => void
  #lastReason: string | null = null
  #isClosing = false

  private constructor(client: Redis, options: ValkeyConnectionOptions) {
    this.#client = client
    this.#password = options.address.password
    this.#onDown = options.onDown
    client.on('ready', () => {
      this.#lastReason = null
      options.onReady()
    })
    client.on('error', (error: Error) => this.#noteDown(this.#reasonOf(error)))
    client.on('close', () => this.#noteDown(CLOSED))
  }

  /** Loads the client, which nobody needs who has no Valkey. */
  static async create(options: ValkeyConnectionOptions): Promise<ValkeyConnection> {
    const { Redis } = await import('ioredis')
    const { host, port, username, password, database, tls } = options.address
    const client = new Redis({
      host,
      port,
      db: database,
      ...(username === null ? {} : { username }),
      ...(password === null ? {} : { password }),
      // A name for SNI; an address is none (RFC 6066 section 3).
      ...(tls ? { tls: isIP(host) === 0 ? { servername: host } : {} } : {}),
      protocol: 2,
      lazyConnect: true,
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_MS,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      disableClientInfo: true,
      retryStrategy: (attempts) => pauseMs(attempts, options.random),
      // After a failover the old primary refuses to write, until the name leads to the new one.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
    })
    return new ValkeyConnection(client, options)
  }

  /** Begins to connect, and waits for it for no more than a few seconds; it goes on trying by itself. */
  async connect(): Promise<void> {
    try {
      await this.#client.connect()
    } catch (error) {
      // Mostly the events have told why already, and better.
      if (this.#lastReason === null) this.#noteDown(this.#reasonOf(error))
    }
  }

  /** Runs a script; the server is sent its text only where it does not know it yet. @throws Error without secrets */
  async run(
    script: ValkeyScript,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return this.#ask(async (client) => {
      try {
        return await client.evalsha(script.sha1, keys.length, ...keys, ...args)
      } catch (error) {
        if (!isNoScript(error)) throw error
        return client.eval(script.text, keys.length, ...keys, ...args)
      }
    })
  }

  /** The section of INFO of that name. @throws Error without secrets */
  info(section: string): Promise<string> {
    return this.#ask((client) => client.info(section))
  }

  async close(): Promise<void> {
    this.#isClosing = true
    // Between two attempts there is no connection that could end.
    const isOpen = ['connecting', 'connect', 'ready'].includes(this.#client.status)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#client.once('end', () => resolve())
    this.#client.disconnect()
    if (isOpen) await promise
  }

  async #ask<T>(call: (client: Redis) => Promise<T>): Promise<T> {
    if (this.#client.status !== 'ready') throw new Error(this.#lastReason ?? 'it is not connected yet')
    try {
      return await call(this.#client)
    } catch (error) {
      throw new Error(this.#reasonOf(error))
    }
  }

  #noteDown(reason: string): void {
    // That it was closed says nothing new of what was down already.
    if (this.#isClosing || this.#lastReason === reason) return
    if (this.#lastReason !== null && reason === CLOSED) return
    this.#lastReason = reason
    this.#onDown(reason)
  }

  /** The message alone: errors of the client carry the command at fault, which may be AUTH. */
  #reasonOf(error: unknown): string {
    const message = error instanceof Error ? error.message : String(error)
    return this.#password === null ? message : message.replaceAll(this.#password, '[redacted]')
  }
}

function pauseMs(attempts: number, random: () => number): number {
  const longest = Math.min(MAX_PAUSE_MS, 50 * 2 ** Math.min(attempts, 10))
  return Math.ceil(longest * (0.5 + random() / 2))
}

function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}
