import type { ChildProcess, Serializable } from 'node:child_process'
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

/** The line that Node lays between a process and one that it forks, at either end. */
export function processLink(end: NodeJS.Process | ChildProcess): Link {
  return {
    send(message) {
      // That the other end is gone is told by `ended`, which every line comes to.
      if (end.connected) end.send?.(message as Serializable, undefined, undefined, () => {})
    },
    receive: (listener) => void end.on('message', listener),
    ended: (listener) => void end.once('disconnect', listener),
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
