import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/** What is read of a body that nobody wants any more, so that its sender can read the answer first. */
export const DRAIN_BYTES = 1_048_576
const DRAIN_MS = 2000

/**
 * A request's body as undici takes it, with backpressure. Undici destroys the stream it is given when it has no
 * use for it, which must not destroy the connection on which the answer is yet to be sent.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage

  constructor(request: IncomingMessage) {
    super({ highWaterMark: 65_536 })
    this.#request = request
    // After the end undici may still report to a stream it is done with.
    this.on('error', () => {})
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => {
      if (!this.destroyed && !this.push(chunk)) request.pause()
    })
    request.on('end', () => {
      if (!this.destroyed) this.push(null)
    })
    request.on('close', () => {
      if (!request.complete) this.destroy(new Error('the caller went away'))
    })
  }

  override _read(): void {
    this.#request.resume()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.#request.complete) drainBoundedly(this.#request)
    callback(error)
  }
}

/**
 * Reads on for a while and throws away what comes: closing a connection with unread bytes resets it, and the
 * sender would never see the answer. Past the bound the connection is cut.
 */
export function drainBoundedly(request: IncomingMessage, onDrained: () => void = () => {}): void {
  const { socket } = request
  let left = DRAIN_BYTES
  const timer = setTimeout(() => socket.destroy(), DRAIN_MS)
  request.on('error', () => {})
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) socket.destroy()
  })
  request.on('end', onDrained)
  request.on('close', () => clearTimeout(timer))
  request.resume()
}
