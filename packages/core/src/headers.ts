/**
 * Header lines as they stood on the wire: name, value, name, value … (node's `rawHeaders`).
 * Node's parsed `headers` hide attacks: of two Authorization lines it silently keeps the first, and it joins
 * two X-API-Key lines with a comma.
 */
export type RawHeaders = readonly string[]

/** Every value of a header, in order. @param name in lower case */
export function headerValues(headers: RawHeaders, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const candidate = headers[i]!
    if (candidate.length === name.length && candidate.toLowerCase() === name) values.push(headers[i + 1]!)
  }
  return values
}

/** The value of a header that stands exactly once; null otherwise. @param name in lower case */
export function singleHeader(headers: RawHeaders, name: string): string | null {
  const values = headerValues(headers, name)
  return values.length === 1 ? values[0]! : null
}
