/** A node of the cluster that a test runs: the server as it is, with a wall clock that the test can set. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { parseConfig, serve } from '@credence/server'

/** What the test says to it. */
export interface ToNode {
  /** By how much its wall clock is ahead. Milliseconds. */
  readonly clockOffsetMs: number
}
/** What it says to the test. */
export type FromNode = { readonly ready: { readonly api: number; readonly gateway: number } } | ToNode

const { CLUSTER_LEASE, ...env } = process.env
const parsed = parseConfig(env, (path) => readFileSync(path, 'utf8'))
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
let offsetMs = 0
process.on('message', ({ clockOffsetMs }: ToNode) => {
  offsetMs = clockOffsetMs
  say({ clockOffsetMs })
})
process.once('disconnect', () => process.exit(1))
const server = await serve(parsed.config, {
  clock: () => Date.now() + offsetMs,
  // The negative control: what is cached answers for ever, whatever the feed says or does not say.
  ...(CLUSTER_LEASE === 'endless' && { lease: { holds: () => true, overdueMs: () => 0 } }),
})
const port = (name: string) => server.listening.listeners.find((one) => one.name === name)?.port ?? 0
process.once('SIGTERM', () => {
  void server.stop().then(() => process.exit(0))
})
say({ ready: { api: port('api'), gateway: port('gateway') } })

function say(message: FromNode): void {
  process.send?.(message)
}
