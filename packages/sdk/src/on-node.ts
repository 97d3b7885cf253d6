import process from 'node:process'
import { type Client, type ClientOptions, createClient as makeClient } from './client.ts'
import { type Connection, connectionFrom } from './environment.ts'
import { type Guard, type GuardOptions, createGuard as makeGuard } from './guard.ts'

type OnNode<Options extends Connection> = Omit<Options, keyof Connection> & Partial<Connection>

/** As that of `@credence/sdk/fetch`, with CREDENCE_URL and CREDENCE_KEY_FILE or CREDENCE_KEY for what is not given. */
export function createClient(options: OnNode<ClientOptions> = {}): Client {
  return makeClient({ ...options, ...connectionFrom(options, process.env) })
}

/** As that of `@credence/sdk/fetch`, with CREDENCE_URL and CREDENCE_KEY_FILE or CREDENCE_KEY for what is not given. */
export function createGuard(options: OnNode<GuardOptions>): Guard {
  return makeGuard({ ...options, ...connectionFrom(options, process.env) })
}
