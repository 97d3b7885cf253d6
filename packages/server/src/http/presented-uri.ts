import type { IncomingMessage } from 'node:http'
import {
  type ApiRecord,
  headerValues,
  type PresentedUri,
  type RawHeaders,
  singleHeader,
} from '@credence/core'
import type { Context } from '../context.ts'
import { gatewayRoot, listenerUrl } from './gateway-url.ts'
import type { ForwardStyle } from './original-request.ts'

/**
 * The URI of a request as its client knows it, which a proof names (RFC 9449 section 4.3). Configuration says what it
 * is, and never the request's own Host: a proof that was made for another server would then count under that server's
 * name (RFC 9449 section 11.10).
 */
export function uriUnder(base: string | URL, target: string, saidBy: string): PresentedUri {
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

/**
 * What a trusted proxy was asked, by its own word: it was configured to be believed. Where the API has a host, no
 * other name counts.
 */
export function uriBehindProxy(
  { host }: Pick<ApiRecord, 'host'>,
  target: string,
  headers: RawHeaders,
  secure: boolean,
  style: ForwardStyle,
): PresentedUri {
  const scheme = secure ? 'https' : 'http'
  const told = forwardedHost(headers, style)
  if (told === undefined) return { known: false, problem: 'X-Forwarded-Host stands more than once' }
  if (host === null) {
    return told === null
      ? { known: false, problem: 'give the API a host, or have the proxy send X-Forwarded-Host' }
      : { known: true, scheme, authority: told, target, saidBy: 'X-Forwarded-Host of the proxy' }
  }
  const saidBy = 'the host of the API'
  if (told === null) return { known: true, scheme, authority: host, target, saidBy }
  const name = told.replace(/:\d{1,5}$/, '')
  return name.toLowerCase() === host
    ? { known: true, scheme, authority: told, target, saidBy }
    : { known: false, problem: 'the proxy was asked for another host than that of the API' }
}

/** Null: the proxy says none. Undefined: it is not clear which. Envoy keeps the Host that its client sent. */
function forwardedHost(headers: RawHeaders, style: ForwardStyle): string | null | undefined {
  const count = headerValues(headers, 'x-forwarded-host').length
  if (count === 0) return style === 'envoy' ? singleHeader(headers, 'host') : null
  return singleHeader(headers, 'x-forwarded-host') ?? undefined
}
