import type { Worker as ForkedWorker } from 'node:cluster'
import type { MessagePort } from 'node:worker_threads'

/** One end of a line between two processes: what is sent arrives whole and in order, until the line ends. */
export interface Link {
  /** Throws what cannot be copied to another process; a line that has ended takes everything and carries nothing. */
  send(message: unknown): void
  /** To be called once: who gets each message that arrives. */
  receive(listener: (message: unknown) => void): void
  /** To be called once: who is told that nothing crosses any more. */
  ended(listener: () => void): void
}

/** A process's end of the line to the one that started it, or the other way around. */
export type Speaker = Pick<ForkedWorker | NodeJS.Process, 'on' | 'once'> & {
  send?(message: unknown, handle: undefined, options: undefined, done: (error: Error | null) => void): boolean
}

/** The line that Node lays between a process and one that it forks. */
export function processLink(speaker: Speaker): Link {
  return {
    send(message) {
      // That the other end is gone is told by `ended`, which every line comes to.
      speaker.send?.(message, undefined, undefined, () => {})
    },
    receive: (listener) => void speaker.on('message', (message: unknown) => listener(message)),
    ended: (listener) => void speaker.once('disconnect', listener),
  }
}

/** Within one process: for tests, and copied as between two. */
export function portLink(port: MessagePort): Link {
  return {
    send: (message) => port.postMessage(message),
    receive: (listener) => void port.on('message', listener),
    ended: (listener) => void port.once('close', listener),
  }
}
