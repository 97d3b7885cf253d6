import { headerValues, type RawHeaders } from '@credence/core'

/** Whether the head of a request says that content follows (RFC 9112 section 6.3). */
export function tellsOfContent(headers: RawHeaders): boolean {
  const lengths = headerValues(headers, 'content-length')
  return lengths.some((length) => length !== '0') || headerValues(headers, 'transfer-encoding').length > 0
}
