import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Address, type Call, type CallAnswer, call } from './caller.ts'
import { callHttp2 } from './http2-caller.ts'
import type { ProxyProcess } from './proxy-process.ts'
import type { Site } from './site.ts'
import type { Seen } from './upstream.ts'

/** How a test changes the files that a guide gives; the guide's own: not at all. */
export type Change = (file: string, text: string) => string

export interface Surroundings {
  /** Puts `site.crt` and `site.key` into the proxy's folder. */
  readonly certificate: (folder: string) => void
  readonly upstreamPort: number
  readonly credencePort: number
  readonly change: Change
}

/** Starts a kind of proxy with its guide's configuration. */
export type Start = (surroundings: Surroundings) => Promise<ProxyProcess>

/** A running proxy before a site. */
export interface Door extends Address {
  readonly site: Site
  readonly stop: () => Promise<void>
}

export interface DoorOptions {
  readonly change?: Change
  /** In place of the site's Credence. */
  readonly credencePort?: number
}

export const unchanged: Change = (_file, text) => text

export async function openDoor(start: Start, site: Site, options: DoorOptions = {}): Promise<Door> {
  const { change = unchanged, credencePort = Number(new URL(site.credence.api).port) } = options
  const proxy = await start({
    certificate(folder) {
      copyFileSync(site.certificate.certPath, join(folder, 'site.crt'))
      copyFileSync(site.certificate.keyPath, join(folder, 'site.key'))
    },
    upstreamPort: site.upstream.port,
    credencePort,
    change,
  })
  return { site, port: proxy.port, ca: site.ca, stop: proxy.stop }
}

/** What is wrong with how a door does something, one line each. */
export type Check = (door: Door) => Promise<string[]>

/** Collects what differs from what must be. */
export class Findings {
  readonly problems: string[] = []

  expect(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem)
  }

  equal(found: unknown, expected: unknown, what: string): void {
    const [a, b] = [JSON.stringify(found), JSON.stringify(expected)]
    if (a !== b) this.problems.push(`${what}: ${a} in place of ${b}`)
  }
}

export type Ask = (given: Call) => Promise<CallAnswer>

/** Both protocols in which a caller may come. */
export function protocolsOf(door: Door): readonly (readonly [string, Ask])[] {
  return [
    ['HTTP/1.1', (given) => call(door, given)],
    ['HTTP/2', (given) => callHttp2(door, given)],
  ]
}

/** Sends a request, and gives the answer with what of it reached the protected API. */
export async function askSeen(
  door: Door,
  ask: Ask,
  given: Call,
): Promise<{ answer: CallAnswer; seen: Seen[] }> {
  const from = door.site.upstream.seen.length
  const answer = await ask(given)
  return { answer, seen: door.site.upstream.seen.slice(from) }
}

/** Values of a request header as the protected API saw them. */
export function valuesOf({ rawHeaders }: Seen, name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name)
}

export function bearer(key: string): string {
  return `Authorization: Bearer ${key}`
}
