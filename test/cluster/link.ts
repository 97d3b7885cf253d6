import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What a link does with what passes through it. */
export interface Weather {
  /** Whether connections hold: false ends those there are and refuses new ones. */
  readonly up: boolean
  /** Whether bytes arrive at all: false keeps connections open and silent, as a lost route does. */
  readonly carries: boolean
  /** By how much bytes are late, each way. Milliseconds. */
  readonly delayMs: number
  /** Whether PostgreSQL's notifications (message 'A', NotificationResponse) are lost. */
  readonly dropsNotifications: boolean
}

export const FAIR: Weather = { up: true, carries: true, delayMs: 0, dropsNotifications: false }

/** A TCP link between a node and its database, whose weather a test makes. */
export class Link {
  readonly #server = createServer((socket) => this.#accept(socket))
  readonly #targetPort: number
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #weather = FAIR
  #held: (() => void)[] = []

  private constructor(targetPort: number) {
    this.#targetPort = targetPort
  }

  /** Opens a link to a port of this machine. */
  static async to(targetPort: number): Promise<Link> {
    const link = new Link(targetPort)
    link.#server.listen(0, '127.0.0.1')
    await once(link.#server, 'listening')
    return link
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  set(change: Partial<Weather>): void {
    this.#weather = { ...this.#weather, ...change }
    if (!this.#weather.up) for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
    if (!this.#weather.carries) return
    const held = this.#held
    this.#held = []
    for (const send of held) send()
  }

  async close(): Promise<void> {
    this.set({ up: false })
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(near: Socket): void {
    if (!this.#weather.up) return void near.destroy()
    const far = connect(this.#targetPort, '127.0.0.1')
    const pair = [near, far] as const
    this.#pairs.add(pair)
    for (const socket of pair) {
      socket.setNoDelay(true)
      // An end that breaks is what this link is for; the other end is told by the close.
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#pairs.delete(pair)
        for (const other of pair) other.destroy()
      })
    }
    const filter = new NotificationFilter()
    near.on('data', (bytes: Buffer) => this.#carry(bytes, far))
    far.on('data', (bytes: Buffer) => {
      const kept = filter.pass(bytes, this.#weather.dropsNotifications)
      if (kept.length > 0) this.#carry(kept, near)
    })
  }

  #carry(bytes: Buffer, to: Socket): void {
    const send = () => {
      if (!this.#weather.carries) this.#held.push(send)
      else if (!to.destroyed) to.write(bytes)
    }
    // In order, as timers of one length fire in theirs.
    if (this.#weather.delayMs > 0) setTimeout(send, this.#weather.delayMs)
    else send()
  }
}

/**
 * Splits what a PostgreSQL server sends into its messages (a type byte, then a length that counts itself) and leaves
 * out notifications on demand. A message is passed on when it is whole.
 */
export class NotificationFilter {
  #rest: Buffer = Buffer.alloc(0)

  pass(bytes: Buffer, drops: boolean): Buffer {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const kept: Buffer[] = []
    while (rest.length >= 5) {
      const length = 1 + rest.readInt32BE(1)
      if (rest.length < length) break
      const isNotification = rest[0] === 0x41
      if (!isNotification || !drops) kept.push(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
    this.#rest = rest
    return Buffer.concat(kept)
  }
}
