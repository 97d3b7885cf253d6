export interface UrlRules {
  /** Unsafe: keys go over the network unencrypted. For a network of your own, say between containers of one host. */
  readonly allowPlainHttp: boolean
}

/**
 * An address that keys may be sent to: https, or http to this very machine.
 * @throws TypeError that says what is wrong with it
 */
export function parseServerUrl(text: string | URL, { allowPlainHttp }: UrlRules): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new TypeError('the address is not one such as https://credence.example')
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new TypeError('the address has a user, a query or a fragment; it must have none of them')
  }
  if (url.protocol === 'http:' && !allowPlainHttp && !isLoopback(url)) {
    throw new TypeError(
      `${url.origin}: over http:// the key could be read on the way; use https://, or set allowPlainHttp where the network is yours alone`,
    )
  }
  return url
}

/** Whether a host is this machine itself. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}
