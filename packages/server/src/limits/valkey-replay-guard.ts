import {
  CLOCK_SKEW_MS,
  type Redemption,
  type ReplayGuard,
  ReplayUnavailable,
  redemptionDigest,
} from '@credence/core'
import type { ValkeyConnection } from './valkey-connection.ts'
import { readScript, SERVER_TIME, type ValkeyScript } from './valkey-script.ts'

export interface ValkeyReplayGuardOptions {
  readonly connection: Pick<ValkeyConnection, 'run'>
  /** Keeps the redemptions of installations apart that share a server. */
  readonly installationId: string
  /** Wall clock of this node, milliseconds. */
  readonly clock: () => number
}

/**
 * Redemptions in Valkey or Redis, by one script (replay.lua). Only spans are sent, so that the server's clock need not
 * be the nodes'. A redemption is kept for five minutes longer than asked for: a node's clock may go back by so much.
 */
export class ValkeyReplayGuard implements ReplayGuard {
  readonly #connection: Pick<ValkeyConnection, 'run'>
  readonly #clock: () => number
  readonly #prefix: string
  readonly #script: ValkeyScript

  constructor(options: ValkeyReplayGuardOptions) {
    this.#connection = options.connection
    this.#clock = options.clock
    this.#prefix = `credence:{${options.installationId}}:replay:`
    this.#script = readScript('replay', SERVER_TIME)
  }

  async redeem(scope: string, id: string, issuedAtMs: number, keepUntilMs: number): Promise<Redemption> {
    const nowMs = this.#clock()
    if (keepUntilMs <= nowMs) return 'too_old'
    // Nothing is issued later than it is used.
    const ageMs = Math.max(0, Math.ceil(nowMs - issuedAtMs))
    const keepMs = Math.ceil(keepUntilMs - nowMs) + CLOCK_SKEW_MS
    return this.#run([redemptionDigest(scope, id)], [ageMs, keepMs])
  }

  /** Has the server's memory begin, if it has not: what is issued from then on need not be too old. */
  async begin(): Promise<void> {
    await this.#run([], [])
  }

  async #run(names: readonly string[], args: readonly number[]): Promise<Redemption> {
    const keys = ['memory', ...names].map((name) => this.#prefix + name)
    try {
      return (await this.#connection.run(this.#script, keys, args)) as Redemption
    } catch (cause) {
      throw new ReplayUnavailable('Valkey does not remember', { cause })
    }
  }
}
