import type { IncomingMessage, ServerResponse } from 'node:http'
import process from 'node:process'
import type { CallerFor } from './admission.ts'
import { type Client, type ClientOptions, createClient as createPortableClient } from './client.ts'
import { type Connection, connectionFrom } from './environment.ts'
import {
  createGuard as createPortableGuard,
  type Guard as PortableGuard,
  type GuardOptions as PortableGuardOptions,
  type Scopes,
} from './guard.ts'
import type { NodeHandlerOptions } from './node-guard.ts'

/** With what is not given out of the environment: CREDENCE_URL, and CREDENCE_KEY_FILE or CREDENCE_KEY. */
type OnNode<Options extends Connection> = Omit<Options, keyof Connection> & Partial<Connection>

export type NodeClientOptions = OnNode<ClientOptions>
export type GuardOptions = OnNode<PortableGuardOptions>

/** The guard, whose `node` knows requests and responses of node:http. */
export interface Guard extends Omit<PortableGuard, 'node'> {
  node<S extends Scopes | null>(
    scopes: S,
    handler: (request: IncomingMessage, response: ServerResponse, caller: CallerFor<S>) => unknown,
    options?: NodeHandlerOptions<IncomingMessage, ServerResponse>,
  ): (request: IncomingMessage, response: ServerResponse) => Promise<void>
}

/** @throws TypeError that says which option or setting is wrong */
export function createClient(options: NodeClientOptions = {}): Client {
  return createPortableClient({ ...options, ...connectionFrom(options, process.env) })
}

/** @throws TypeError that says which option or setting is wrong */
export function createGuard(options: GuardOptions): Guard {
  return createPortableGuard({ ...options, ...connectionFrom(options, process.env) })
}
