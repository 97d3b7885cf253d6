import type { Answer, RunningServer } from '../running-server.ts'
import { created, type IssuedBody, type KnownCredential, revoked, rotated } from './history.ts'

/** As many as the server keeps of one credential, so that every secret handed out can still be asked about. */
const MOST_VERSIONS = 4

/** One write, as it was sent; with its Idempotency-Key, so that it can be sent again. */
export interface Step {
  readonly do: 'create' | 'rotate' | 'revoke'
  readonly tag: string
  /** What it changes; null for create. */
  readonly known: KnownCredential | null
  readonly overlapSeconds: number
  readonly path: string
  readonly body: unknown
  readonly idempotencyKey: string
}

/** Numbers from 0 up to, not including, `below`. */
export type Draw = (below: number) => number

/** The generator mulberry32: the same seed gives the same run of steps and moments. */
export function drawing(seed: number): Draw {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** Chooses the next step of one client among its own credentials. */
export function nextStep(draw: Draw, own: readonly KnownCredential[], tag: string): Step {
  const alive = own.filter((known) => !known.isRevoked)
  const what = draw(10)
  const known = alive[draw(alive.length)]
  if (what < 4 || known === undefined) {
    // Half of them make their principal in the same write.
    const principal = draw(2) === 0 ? tag : 'shared'
    const body = { kind: 'api_key', api: 'orders', scopes: ['orders:read'], principal, tags: [tag] }
    return { ...nothing, do: 'create', tag, path: '/v1/credentials', body, idempotencyKey: tag }
  }
  const path = `/v1/credentials/${known.id}`
  if (what < 8 && known.versions < MOST_VERSIONS) {
    const overlapSeconds = draw(2) * 3600
    const body = { overlap_seconds: overlapSeconds }
    return { do: 'rotate', tag, known, overlapSeconds, path: `${path}/rotate`, body, idempotencyKey: tag }
  }
  const body = { reason: `because of ${tag}` }
  return { ...nothing, do: 'revoke', tag, known, path: `${path}/revoke`, body, idempotencyKey: tag }
}

const nothing = { known: null, overlapSeconds: 0 }

export function send(server: RunningServer, step: Step): Promise<Answer<IssuedBody>> {
  return server.request('POST', step.path, step.body, { 'idempotency-key': step.idempotencyKey })
}

/** What an acknowledged step made true. @returns the credential it made, if it is new */
export function acknowledged(step: Step, answer: Answer<IssuedBody>): KnownCredential | null {
  const expected = step.do === 'create' ? 201 : 200
  if (answer.status !== expected) throw new Error(`${step.do} was answered ${answer.status}: ${answer.text}`)
  if (step.do === 'create') return created(step.tag, answer.body)
  if (step.do === 'rotate') rotated(step.known!, step.overlapSeconds, answer.body.secret)
  else revoked(step.known!)
  return null
}

/** A client that writes one step after the other. */
export interface Client {
  readonly name: string
  readonly own: KnownCredential[]
  readonly touched: Set<KnownCredential>
  sent: number
  /** Sent, and not acknowledged. */
  pending: Step | null
}

/**
 * Lets all clients write until `acknowledgements` steps were acknowledged and `turns` more turns of the event loop
 * went by, then kills the server under them. @returns how many steps were acknowledged
 */
export async function writeUntilKilled(
  server: RunningServer,
  clients: readonly Client[],
  moment: { readonly draw: Draw; readonly acknowledgements: number; readonly turns: number },
): Promise<number> {
  let count = 0
  let isKilled = false
  const faults: unknown[] = []
  const end = Promise.withResolvers<void>()
  const kill = () => {
    isKilled = true
    server.kill().then(() => end.resolve(), end.reject)
  }
  const write = async (client: Client) => {
    while (!isKilled) {
      const step = nextStep(moment.draw, client.own, `${client.name}-${client.sent++}`)
      client.pending = step
      let answer: Answer<IssuedBody>
      try {
        answer = await send(server, step)
      } catch (error) {
        // Only the kill may break a connection.
        if (!isKilled) faults.push(error)
        return
      }
      const made = acknowledged(step, answer)
      if (made !== null) client.own.push(made)
      client.touched.add(made ?? step.known!)
      client.pending = null
      count++
      if (count === moment.acknowledgements) afterTurns(moment.turns, kill)
    }
  }
  const writing = clients.map((client) =>
    write(client).catch((fault) => {
      faults.push(fault)
      if (!isKilled) kill()
    }),
  )
  await Promise.all([...writing, end.promise])
  if (faults.length > 0) throw new AggregateError(faults, `before the kill: ${faults.join('; ')}`)
  return count
}

function afterTurns(turns: number, callback: () => void): void {
  if (turns === 0) callback()
  else setImmediate(() => afterTurns(turns - 1, callback))
}
