/**
 * Header lines as they stood on the wire: name, value, name, value … (node's `rawHeaders`).
 * Node's parsed `headers` hide attacks: of two Authorization lines it silently keeps the first, and it joins
 * two X-API-Key lines with a comma.
 */
export type RawHeaders = readonly string[]

/** Every value of a header, in order. @param name in lower case */
export function headerValues(headers: RawHeaders, name: string): string[] {
  const values: string[] = []
  for (let at = findHeader(headers, name, 0); at !== -1; at = findHeader(headers, name, at + 1)) {
    values.push(headers[at]!)
  }
  return values
}

/** The value of a header that stands exactly once; null otherwise. @param name in lower case */
export function singleHeader(headers: RawHeaders, name: string): string | null {
  const at = findHeader(headers, name, 0)
  return at === -1 || findHeader(headers, name, at + 1) !== -1 ? null : headers[at]!
}

/**
 * Where the next value of a header stands, or -1. Allocates nothing: this runs several times for every request.
 * @param name in lower case
 * @param from where to begin: 0, or right after the value found before
 */
export function findHeader(headers: RawHeaders, name: string, from: number): number {
  for (let at = from; at + 1 < headers.length; at += 2) {
    if (isNamed(headers[at]!, name)) return at + 1
  }
  return -1
}

/** Names are ASCII (RFC 9110 section 5.1), so only A to Z have another case. */
function isNamed(candidate: string, name: string): boolean {
  if (candidate.length !== name.length) return false
  for (let index = 0; index < name.length; index += 1) {
    const code = candidate.charCodeAt(index)
    const lower = code >= 0x41 && code <= 0x5a ? code + 0x20 : code
    if (lower !== name.charCodeAt(index)) return false
  }
  return true
}
