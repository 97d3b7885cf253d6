/** Longest URI that is compared. */
export const MAX_URI_LENGTH = 8192

const DEFAULT_PORTS = { http: '80', https: '443' } as const
export type HttpScheme = keyof typeof DEFAULT_PORTS

/** Host (a name, IPv4, or IPv6 in brackets) and port, without user information and without escapes. */
const AUTHORITY = /^([a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::([0-9]{0,5}))?$/
/** Scheme, authority and path. Each part ends where the next begins, so this takes linear time. */
const URI = /^([a-zA-Z]+):\/\/([^/]*)(.*)$/
/** What RFC 3986 section 3.3 allows in a path. */
const PATH_CHARACTERS = /^[A-Za-z0-9\-._~:/@!$&'()*+,;=%]*$/

/**
 * An authority in the one form of RFC 9110 section 4.2.3: host in lower case, no default port.
 * @returns null for whatever is none, or has user information
 */
export function normalAuthority(scheme: HttpScheme, authority: string): string | null {
  const parts = authority.length <= 300 ? AUTHORITY.exec(authority) : null
  if (parts === null) return null
  const host = parts[1]!.toLowerCase()
  const port = parts[2] ?? ''
  if (port === '' || port === DEFAULT_PORTS[scheme]) return host
  // 0443 is read as 443 by some and refused by others.
  return port.startsWith('0') || Number(port) > 65_535 ? null : `${host}:${port}`
}

/**
 * An http or https URI without query and fragment, in the form in which two are compared: syntax-based and
 * scheme-based normalisation of RFC 3986 sections 6.2.2 and 6.2.3. Nothing is repaired: WHATWG's parser would take
 * tabs, backslashes and numbers for hosts.
 * @returns null for whatever is none
 */
export function normalHttpUri(uri: string): string | null {
  if (uri.length > MAX_URI_LENGTH) return null
  const end = uri.search(/[?#]/)
  const parts = URI.exec(end === -1 ? uri : uri.slice(0, end))
  const scheme = parts?.[1]?.toLowerCase()
  if (parts === null || (scheme !== 'http' && scheme !== 'https')) return null
  const authority = normalAuthority(scheme, parts[2]!)
  const path = normalPath(parts[3]!)
  return authority === null || path === null ? null : `${scheme}://${authority}${path}`
}

const UNRESERVED = /[A-Za-z0-9\-._~]/

function normalPath(path: string): string | null {
  if (!PATH_CHARACTERS.test(path) || /%(?![0-9a-fA-F]{2})/.test(path)) return null
  const decoded = path.replace(/%[0-9a-fA-F]{2}/g, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return UNRESERVED.test(character) ? character : triplet.toUpperCase()
  })
  return withoutDotSegments(decoded === '' ? '/' : decoded)
}

/** RFC 3986 section 5.2.4, of a path that begins with a slash. */
function withoutDotSegments(path: string): string {
  if (!path.includes('/.')) return path
  const kept: string[] = []
  const segments = path.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    const isDot = segment === '.' || segment === '..'
    if (segment === '..') kept.pop()
    if (!isDot) kept.push(segment)
    else if (index === segments.length - 1) kept.push('')
  }
  return `/${kept.join('/')}`
}
