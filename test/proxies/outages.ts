import { createServer, type Server, type Socket } from 'node:net'
import { parseIpRange } from '@credence/core'
import { openFailingStore } from '@credence/server/testing/failing-store'
import { protectApi } from '@credence/server/testing/protected-api'
import { startSurfaces } from '@credence/server/testing/surfaces'
import {
  askSeen,
  bearer,
  type Change,
  type DoorOptions,
  Findings,
  openDoor,
  protocolsOf,
  type Start,
  unchanged,
} from './door.ts'
import { freePort } from './proxy-process.ts'
import { problemIn } from './refusals.ts'
import type { Site } from './site.ts'

/** Longer than the guides let a proxy wait for Credence, connecting and retrying included. */
const BOUND_MS = 5000

/** What stands where Credence should be, and is not it. */
const IMPOSTORS: Readonly<Record<string, (socket: Socket) => void>> = {
  'accepts, and never answers': () => {},
  'closes the connection at once': (socket) => socket.destroy(),
  'closes it when asked': (socket) => socket.once('data', () => socket.destroy()),
  'answers what is no HTTP': (socket) => socket.once('data', () => socket.end('220 mail.example ESMTP\r\n')),
  'ends within the head': (socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nX-Credence-Pri')),
}

/** Says something, but no verdict. */
const STATUSES = ['302 Found\r\nLocation: /', '404 Not Found', '500 Internal Server Error', '502 Bad Gateway']

/**
 * Without an answer from Credence nothing passes, and the caller hears so in time.
 * @param change what a test does to the guide's configuration
 */
export async function outageProblems(
  start: Start,
  site: Site,
  change: Change = unchanged,
): Promise<string[]> {
  const findings = new Findings()
  const closed = async (what: string, credencePort: number, is503 = true) => {
    const problems = await closedProblems(start, site, { change, credencePort }, is503)
    findings.problems.push(...problems.map((problem) => `Credence ${what}, ${problem}`))
  }
  await closed('is not there', await freePort())
  for (const [what, behave] of Object.entries(IMPOSTORS)) {
    await withServer(behave, (port) => closed(what, port))
  }
  for (const status of STATUSES) {
    const answer = `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
    const behave = (socket: Socket) => socket.once('data', () => socket.end(answer))
    await withServer(behave, (port) => closed(`answers ${status.slice(0, 3)}`, port, false))
  }
  return findings.problems
}

/** @param is503 whether the caller must hear 503, or any refusal */
export async function closedProblems(
  start: Start,
  site: Site,
  options: DoorOptions,
  is503 = true,
): Promise<string[]> {
  const findings = new Findings()
  const door = await openDoor(start, site, options)
  try {
    for (const [protocol, ask] of protocolsOf(door)) {
      const before = performance.now()
      const { answer, seen } = await askSeen(door, ask, { headers: [bearer(site.keys.writer)] })
      const tookMs = performance.now() - before
      const where = `over ${protocol}`
      findings.equal(seen.length, 0, `${where}: the upstream saw it`)
      findings.expect(tookMs < BOUND_MS, `${where}: took ${tookMs} ms`)
      findings.expect(is503 ? answer.status === 503 : answer.status >= 300, `${where}: ${answer.status}`)
      if (!is503) continue
      findings.equal(answer.headers.get('retry-after'), ['1'], `${where}: Retry-After`)
      findings.equal(
        answer.headers.get('content-type'),
        ['application/problem+json'],
        `${where}: Content-Type`,
      )
      findings.equal(problemIn(answer.body).code, 'UNAVAILABLE', `${where}: body`)
    }
  } finally {
    await door.stop()
  }
  return findings.problems
}

async function withServer(
  behave: (socket: Socket) => void,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    behave(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use((server.address() as { port: number }).port)
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Credence itself cannot know: its 503 reaches the caller as it says it. */
export async function unavailableProblems(
  start: Start,
  site: Site,
  style: 'nginx' | 'forwarded',
  change: Change = unchanged,
): Promise<string[]> {
  const findings = new Findings()
  const { store, fail } = openFailingStore()
  const config = { forwardStyle: style, trustedProxies: [parseIpRange('127.0.0.1')!] }
  const surfaces = await startSurfaces({ store, config })
  const { key } = await protectApi(surfaces.context)
  surfaces.context.lookup.clear()
  fail(true)
  const door = await openDoor(start, site, { change, credencePort: Number(new URL(surfaces.api).port) })
  for (const [protocol, ask] of protocolsOf(door)) {
    const { answer, seen } = await askSeen(door, ask, { headers: [bearer(key)] })
    const problem = problemIn(answer.body)
    findings.equal([answer.status, problem.code, seen.length], [503, 'UNAVAILABLE', 0], `over ${protocol}`)
    findings.equal(answer.headers.get('retry-after'), ['1'], `Retry-After over ${protocol}`)
    findings.equal(
      answer.headers.get('credence-request-id'),
      [problem.request_id],
      `request id over ${protocol}`,
    )
    findings.equal(
      answer.headers.get('content-type'),
      ['application/problem+json'],
      `Content-Type over ${protocol}`,
    )
  }
  await door.stop()
  fail(false)
  await surfaces.close()
  return findings.problems
}
