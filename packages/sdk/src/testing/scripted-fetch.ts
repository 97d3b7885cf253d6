import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { type Client, type ClientOptions, createClient } from '../client.ts'
import type { CredenceError } from '../credence-error.ts'
import type { Fetch } from '../transport.ts'

export interface Asked {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly redirect: RequestInit['redirect']
  readonly body: unknown
}

/** A fetch that answers out of a list, the last one again and again, and keeps what it was asked. */
export function answering(
  ...answers: readonly (() => Response | Promise<Response>)[]
): Fetch & { readonly asked: Asked[] } {
  const asked: Asked[] = []
  const fetch: Fetch = async (url, { method = '', headers, body, redirect }) => {
    asked.push({
      ...{ url: new URL(url), method, redirect, headers: new Headers(headers) },
      body: body === undefined ? undefined : JSON.parse(String(body)),
    })
    return answers[Math.min(asked.length, answers.length) - 1]!()
  }
  return Object.assign(fetch, { asked })
}

export const KEY = 'crd_live_secret'
/** A connection that is lost on the way. */
export const lost = () => Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } }))
/** A refusal of the server. */
export const problem = (status: number, code: string, headers: Record<string, string> = {}) =>
  Response.json({ title: 'No', status, code, request_id: 'r1' }, { status, headers })

/** A client that waits for nobody, and the pauses it would have made. */
export function clientOn(
  fetch: Fetch,
  options: Partial<ClientOptions> = {},
): { client: Client; pauses: number[] } {
  const pauses: number[] = []
  const pacing = {
    random: () => 1,
    pause: async (ms: number) => {
      pauses.push(ms)
    },
  }
  const client = createClient({ url: 'https://credence.example', key: KEY, fetch, pacing, ...options })
  return { client, pauses }
}

export async function errorOf(promise: Promise<unknown>): Promise<CredenceError> {
  let thrown: unknown
  await promise.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => {
      thrown = error
    },
  )
  assert.equal((thrown as Error).name, 'CredenceError', inspect(thrown))
  return thrown as CredenceError
}

/** All of what is iterated over. */
export async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}
