import type { IncomingMessage } from 'node:http'
import type { ApiRecord, PresentedUri } from '@credence/core'
import type { Context } from '../context.ts'
import { gatewayRoot, listenerUrl } from './gateway-url.ts'

/**
 * The URI of a request as its client knows it, which a proof names (RFC 9449 section 4.3). Configuration says what it
 * is, and never the request's own Host: a proof that was made for another server would then count under that server's
 * name (RFC 9449 section 11.10).
 */
function uriUnder(base: string | URL, target: string, saidBy: string): PresentedUri {
  const { protocol, host, pathname } = typeof base === 'string' ? new URL(base) : base
  const prefix = pathname.endsWith('/') ? pathname.slice(0, -1) : pathname
  const scheme = protocol === 'https:' ? 'https' : 'http'
  return { known: true, scheme, authority: host, target: prefix + target, saidBy }
}

/** @param target as it came */
export function uriAtGateway(
  context: Pick<Context, 'config' | 'listeners'>,
  api: ApiRecord,
  target: string,
): PresentedUri {
  const root = gatewayRoot(context, api)
  if (root === null || !target.startsWith('/')) {
    return { known: false, problem: 'how the gateway is reached is not known: CREDENCE_GATEWAY_PUBLIC_URL' }
  }
  const { gatewayPublicUrl } = context.config
  const base =
    gatewayPublicUrl === null
      ? 'the listener, since CREDENCE_GATEWAY_PUBLIC_URL is not set'
      : 'CREDENCE_GATEWAY_PUBLIC_URL'
  return uriUnder(root, target, api.host === null ? base : `the host of the API and ${base}`)
}

/** Administration and whatever else has no API of its own before it. */
export function uriAtServer(
  { config, listeners }: Pick<Context, 'config' | 'listeners'>,
  { socket, url }: IncomingMessage,
): PresentedUri {
  const target = url!
  const listener = listeners.find(({ port }) => port === socket.localPort)
  if (target.startsWith('/')) {
    if (config.publicUrl !== null) return uriUnder(config.publicUrl, target, 'CREDENCE_PUBLIC_URL')
    if (listener !== undefined) {
      const url = listenerUrl(listener, 'encrypted' in socket)
      return uriUnder(url, target, 'the listener, since CREDENCE_PUBLIC_URL is not set')
    }
  }
  return { known: false, problem: 'how this server is reached is not known: CREDENCE_PUBLIC_URL' }
}
