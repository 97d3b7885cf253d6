import type { IncomingMessage } from 'node:http'
import { headerValues } from '@credence/core'

/** uri-host and port of RFC 9110 section 7.2, as far as anybody uses them: names, IPv4, IPv6 in brackets. */
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/

/**
 * Why the Host lines of a request do not say where it goes (RFC 9112 section 3.2), or null: exactly one is needed, and
 * HTTP/1.0 may leave it out. Of two, a proxy may have routed by one and the next server by the other.
 */
export function hostHeaderProblem(hosts: readonly string[], httpVersion: string): string | null {
  if (hosts.length > 1) return 'more than one Host'
  if (hosts.length === 0) return httpVersion === '1.0' ? null : 'no Host'
  return HOST.test(hosts[0]!) ? null : 'Host is not a host and port'
}

/**
 * Why two servers could read in two ways where a request goes, or null. The absolute form carries a second host, which
 * wins over Host (RFC 9112 section 3.2.2) and which only proxies are sent.
 */
export function misdirection({ url, rawHeaders, httpVersion }: IncomingMessage): string | null {
  if (!url!.startsWith('/')) return 'the target does not begin with a slash'
  return hostHeaderProblem(headerValues(rawHeaders, 'host'), httpVersion)
}
