import type { Socket } from 'node:net'
import { parseIp } from '@credence/core'
import { buildConnector, Pool } from 'undici'
import {
  addressProblem,
  guardedLookup,
  type Resolve,
  UpstreamRefused,
  type UpstreamRules,
} from '../upstream-guard.ts'

export interface PoolOptions {
  /** What the upstreams of a workspace may be. */
  readonly rulesFor: (workspaceId: string) => UpstreamRules
  readonly resolve: Resolve
  /** Longest time to connect. Milliseconds. */
  readonly connectMs: number
}

/**
 * Where all that upstreams send is read into, and copied out of before anything else is read. Otherwise Node makes a
 * buffer of 64 KiB for each read and gives back what was not filled, most of it.
 */
const received = Buffer.allocUnsafeSlow(65_536)

function pushReceived(this: Socket, length: number): boolean {
  const chunk = Buffer.allocUnsafe(length)
  received.copy(chunk, 0, 0, length)
  return this.push(chunk)
}

/**
 * Connections to upstreams, kept alive, by workspace and origin. Every one of them was checked by the guard as it was
 * made, by the rules of its workspace; so none is shared with another one.
 */
export class UpstreamPools {
  readonly #options: PoolOptions
  readonly #pools = new Map<string, Map<string, Pool>>()

  constructor(options: PoolOptions) {
    this.#options = options
  }

  get(workspaceId: string, origin: string): Pool {
    let pools = this.#pools.get(workspaceId)
    if (pools === undefined) {
      pools = new Map()
      this.#pools.set(workspaceId, pools)
    }
    let pool = pools.get(origin)
    if (pool === undefined) {
      pool = this.#makePool(workspaceId, origin)
      pools.set(origin, pool)
    }
    return pool
  }

  /** Closes, as soon as they are idle, the pools of origins that no API has any more. */
  retain(origins: ReadonlySet<string>): void {
    for (const [workspaceId, pools] of this.#pools) {
      for (const [origin, pool] of pools) {
        if (origins.has(origin)) continue
        pools.delete(origin)
        // A request still in it finishes; nothing waits for that.
        pool.close().catch(() => {})
      }
      if (pools.size === 0) this.#pools.delete(workspaceId)
    }
  }

  async destroy(): Promise<void> {
    const all = [...this.#pools.values()].flatMap((pools) => [...pools.values()])
    this.#pools.clear()
    await Promise.all(all.map((pool) => pool.destroy()))
  }

  #makePool(workspaceId: string, origin: string): Pool {
    const { rulesFor, resolve, connectMs } = this.#options
    const rules = rulesFor(workspaceId)
    const { protocol, port: given } = new URL(origin)
    const port = given === '' ? (protocol === 'https:' ? 443 : 80) : Number(given)
    const connect = buildConnector({
      timeout: connectMs,
      port,
      lookup: guardedLookup(port, resolve, rules),
      autoSelectFamily: true,
      onread: { buffer: received, callback: pushReceived },
    })
    return new Pool(origin, {
      // HTTP/1.1 only, one request at a time on a connection: a request is sent once or not at all.
      pipelining: 1,
      allowH2: false,
      // See slow-upstreams.ts.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect(options, callback) {
        // An address needs no look-up, so the guard has to see it here.
        const literal = parseIp(options.hostname)
        const problem = literal === null ? null : addressProblem(literal, port, rules)
        if (problem === null) connect(options, callback)
        else callback(new UpstreamRefused(`the upstream ${problem}`), null)
      },
    })
  }
}
