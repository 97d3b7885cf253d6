import type { ServerOptions } from 'node:https'
import type { Config } from '../config.ts'
import { isWebSocketUpgrade } from './request-framing.ts'

/** How often Node, and we, look for connections that are overdue. */
export const OVERDUE_CHECK_MS = 500
/** How long a connection may be idle between two requests. Longer than proxies before us keep theirs (60 s). */
const KEEP_ALIVE_MS = 65_000

/** What Node's own server is told, in plain HTTP and in TLS. */
export function serverOptionsOf(config: Config): ServerOptions {
  const headMs = config.requestHeadTimeoutSeconds * 1000
  return {
    insecureHTTPParser: false,
    optimizeEmptyRequests: true,
    // Checked in request-framing.ts, where the refusal says what is wrong.
    requireHostHeader: false,
    maxHeaderSize: config.maxHeaderBytes,
    // Slow heads are cut in time, the pause between two looks included.
    headersTimeout: headMs - OVERDUE_CHECK_MS,
    // Before a head there is the handshake, which Node would wait two minutes for.
    handshakeTimeout: headMs,
    connectionsCheckingInterval: OVERDUE_CHECK_MS,
    // Bodies may take as long as they make progress; see slow-callers.ts.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    shouldUpgradeCallback: isWebSocketUpgrade,
  }
}
