import { MessageChannel } from 'node:worker_threads'
import { Channel } from '../ipc.ts'
import { portLink } from '../link.ts'

/** A primary's and a worker's end of one line, over which values are copied as between processes. */
export interface Line {
  readonly primary: Channel
  readonly worker: Channel
  /** As when one of the two dies. */
  readonly cut: () => void
}

export function line(): Line {
  const { port1, port2 } = new MessageChannel()
  return {
    primary: new Channel(portLink(port1)),
    worker: new Channel(portLink(port2)),
    cut: () => port1.close(),
  }
}

/** Asks again until it is so. @throws Error when it does not come to hold */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 5000
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error('it did not come to hold')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
