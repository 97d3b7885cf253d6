import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

export interface SlowCallersOptions {
  /** How long a caller is watched before it is judged. Milliseconds. */
  readonly windowMs: number
  /** The least that must move in a window in which the caller was waited for all the time. */
  readonly windowBytes: number
  /** How often check() is called. Milliseconds. */
  readonly checkEveryMs: number
  /** Milliseconds that only grow. */
  readonly monotonic: () => number
  /** Told of each connection that was cut, and of what the caller was too slow with. */
  readonly onCut: (socket: Socket, what: 'body' | 'answer') => void
}

interface Connection {
  readonly answer: Wait
  readonly body: Wait
  /** The request whose body was last expected. */
  request: IncomingMessage | null
}

/**
 * Cuts off callers that hold a connection, and one to the upstream with it, by sending a body or taking an answer
 * drop by drop. What counts is progress while we wait for the caller: nothing bounds how long a transfer takes, how
 * long a stream is silent that has nothing to say, or how long an upstream holds a body back.
 */
export class SlowCallers {
  readonly #options: SlowCallersOptions
  readonly #connections = new Map<Socket, Connection>()
  #checkedAtMs: number | null = null

  constructor(options: SlowCallersOptions) {
    this.#options = options
  }

  /** From here on the connection has to take what is written to it. */
  watch(socket: Socket): void {
    this.#connections.set(socket, { answer: new Wait(), body: new Wait(), request: null })
    socket.on('close', () => this.#connections.delete(socket))
  }

  /** From here to its end the body of this request has to come, but while it is paused. */
  expectBody(request: IncomingMessage): void {
    const connection = this.#connections.get(request.socket)
    if (connection !== undefined) connection.request = request
  }

  /** Looks at every connection; whoever made this calls it several times in a window. */
  check(): void {
    const { onCut } = this.#options
    const lateMs = this.#lateMs()
    for (const [socket, { answer, body, request }] of this.#connections) {
      answer.excuse(lateMs)
      body.excuse(lateMs)
      const pending = socket.writableLength
      const isAwaited = request !== null && !request.complete && !request.isPaused()
      const slow = this.#isTooSlow(answer, pending > 0 ? socket.bytesWritten - pending : null)
        ? 'answer'
        : this.#isTooSlow(body, isAwaited ? socket.bytesRead : null)
          ? 'body'
          : null
      if (slow === null) continue
      // It may be gone by the time that somebody is told.
      onCut(socket, slow)
      socket.destroy()
    }
  }

  /** For how long nothing could move because this process did not run: no caller's fault. */
  #lateMs(): number {
    const { checkEveryMs, monotonic } = this.#options
    const nowMs = monotonic()
    const expectedMs = (this.#checkedAtMs ?? nowMs) + checkEveryMs
    this.#checkedAtMs = nowMs
    return Math.max(0, nowMs - expectedMs)
  }

  /** @param bytes moved until now; null: nobody waits for the caller */
  #isTooSlow(wait: Wait, bytes: number | null): boolean {
    const { windowMs, windowBytes, monotonic } = this.#options
    const nowMs = monotonic()
    if (bytes === null) wait.sinceMs = null
    else if (wait.sinceMs === null) wait.restart(nowMs, bytes)
    else if (nowMs - wait.sinceMs >= windowMs) {
      if (bytes - wait.bytes < windowBytes) return true
      wait.restart(nowMs, bytes)
    }
    return false
  }
}

/** A window of waiting for the caller: when it began, and what had moved by then. */
class Wait {
  sinceMs: number | null = null
  bytes = 0

  excuse(ms: number): void {
    if (this.sinceMs !== null) this.sinceMs += ms
  }

  restart(nowMs: number, bytes: number): void {
    this.sinceMs = nowMs
    this.bytes = bytes
  }
}
