import type { Server } from 'node:net'
import type { Context, OwnListener } from './context.ts'

/** A flood is one line of the log in so long a time, not one for each connection. */
const TELL_EVERY_MS = 60_000

/**
 * Closes connections beyond CREDENCE_MAX_CONNECTIONS as they come, before a byte of them is read: memory and file
 * descriptors stay bounded, and those that are open are served.
 */
export function capConnections(
  server: Server,
  listener: OwnListener['name'],
  { config, metrics, log, clock }: Pick<Context, 'config' | 'metrics' | 'log' | 'clock'>,
): void {
  server.maxConnections = config.maxConnections
  // Else workers that are all full would hand it to each other without end. (Node's types lack it.)
  Object.assign(server, { dropMaxConnection: true })
  let tellAtMs = 0
  server.on('drop', () => {
    metrics.connectionRefused(listener)
    const nowMs = clock()
    if (nowMs < tellAtMs) return
    tellAtMs = nowMs + TELL_EVERY_MS
    log.warn(
      { listener, max_connections: config.maxConnections },
      'connections are refused: CREDENCE_MAX_CONNECTIONS are open',
    )
  })
}
