import {
  type Leased,
  type LeaseResult,
  type LimitAuthority,
  LimitUnavailable,
  type SharedLimit,
  type Unused,
  type Wanted,
} from '@credence/core'
import type { ValkeyConnection } from './valkey-connection.ts'
import { readScript, SERVER_TIME, type ValkeyScript } from './valkey-script.ts'

export interface ValkeyAuthorityOptions {
  readonly connection: Pick<ValkeyConnection, 'run'>
  /** Keeps the counters of installations apart that share a server. */
  readonly installationId: string
  /** The line of Lua that says what time it is; the server's own, when left out. */
  readonly time?: string
}

/** How many numbers lease.lua answers with for each limit. */
const NUMBERS_EACH = 7

/**
 * The counters of all nodes in Valkey or Redis, by one script (lease.lua), in which the server's clock decides. A
 * counter expires by itself. The braces keep all counters of an installation in one slot, as one call demands.
 */
export class ValkeyAuthority implements LimitAuthority {
  readonly #connection: Pick<ValkeyConnection, 'run'>
  readonly #prefix: string
  readonly #script: ValkeyScript

  constructor(options: ValkeyAuthorityOptions) {
    this.#connection = options.connection
    this.#prefix = `credence:{${options.installationId}}:limit:`
    this.#script = readScript('lease', options.time ?? SERVER_TIME)
  }

  async lease(wanted: readonly Wanted[]): Promise<LeaseResult> {
    const rest = wanted.flatMap(({ limit, cost, batch }) => [...parametersOf(limit), cost, batch])
    const reply = (await this.#run(wanted, ['lease', ...rest])) as readonly number[]
    return {
      allowed: reply[0] === 1,
      leased: wanted.map((_, index) => {
        const from = 1 + index * NUMBERS_EACH
        return leasedFrom(reply.slice(from, from + NUMBERS_EACH))
      }),
    }
  }

  async giveBack(unused: readonly Unused[]): Promise<void> {
    const rest = unused.flatMap(({ limit, units, periodMs }) => [...parametersOf(limit), units, periodMs])
    await this.#run(unused, ['give back', ...rest])
  }

  async #run(counters: readonly { readonly key: string }[], args: readonly (string | number)[]) {
    const keys = counters.map(({ key }) => this.#prefix + key)
    try {
      return await this.#connection.run(this.#script, keys, args)
    } catch (cause) {
      throw new LimitUnavailable('Valkey does not count', { cause })
    }
  }
}

function parametersOf(limit: SharedLimit): [kind: string, limit: number, windowSeconds: number] {
  return limit.type === 'rate' ? ['rate', limit.limit, limit.windowSeconds] : [limit.period, limit.limit, 0]
}

function leasedFrom(numbers: readonly number[]): Leased {
  const [allowed, units, remaining, retryAfterMs, resetMs, periodMs, endsInMs] = numbers as [
    ...[number, number, number, number, number, number, number],
  ]
  return {
    allowed: allowed === 1,
    units,
    remaining,
    retryAfterMs: retryAfterMs < 0 ? null : retryAfterMs,
    resetMs,
    periodMs,
    endsInMs: endsInMs < 0 ? null : endsInMs,
  }
}
