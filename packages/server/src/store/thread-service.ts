import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads'

/** What crosses between a SqliteThread and its worker. */
export type ToWorker = { readonly seq: number; readonly request: unknown } | 'close'
export type FromWorker = readonly Reply[]
export type Reply =
  | { readonly seq: number; readonly ok: true; readonly value: unknown }
  /** `message` says what went wrong, in words that hold no value of any row. */
  | { readonly seq: number; readonly ok: false; readonly message: string }

export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string }

/**
 * The worker's side of a SqliteThread. `carryOut` gets every request that has arrived by now, in order, and gives
 * an outcome for each; what arrives meanwhile is the next batch. `close` is called after the last of them.
 */
export function serveThread(
  carryOut: (requests: readonly unknown[]) => readonly Outcome[],
  close: () => void,
): void {
  const port = parentPort
  if (port === null) throw new Error('This file runs as a worker thread')
  port.on('message', (first: ToWorker) => {
    const batch = drain(port, first)
    const requests = batch.filter((message) => message !== 'close')
    if (requests.length > 0) {
      const outcomes = carryOut(requests.map(({ request }) => request))
      const replies: FromWorker = outcomes.map((outcome, i) => ({ seq: requests[i]!.seq, ...outcome }))
      port.postMessage(replies)
    }
    if (batch.at(-1) !== 'close') return
    close()
    port.close()
  })
}

/** Up to the close, after which nothing is posted. */
function drain(port: MessagePort, first: ToWorker): ToWorker[] {
  const batch = [first]
  while (batch.at(-1) !== 'close') {
    const next = receiveMessageOnPort(port) as { message: ToWorker } | undefined
    if (next === undefined) break
    batch.push(next.message)
  }
  return batch
}

/** Runs one request by itself; what it throws becomes its outcome. */
export function outcomeOf(run: () => unknown): Outcome {
  try {
    return { ok: true, value: run() }
  } catch (error) {
    return { ok: false, message: messageOf(error) }
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'It failed without saying why'
}
