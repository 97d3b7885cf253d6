import type { PresentedUri } from '@credence/core'

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
