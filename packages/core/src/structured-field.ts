import {
  type Dictionary,
  type Item,
  type List,
  parseDictionary,
  parseItem,
  parseList,
  serializeDictionary,
  serializeItem,
  serializeList,
} from 'structured-headers'

/** Longest field that is read: all lines of its name together, in characters. */
export const MAX_FIELD_LENGTH = 16_384

/**
 * Structured fields (RFC 9651), read strictly: what is parsed must be, but for optional white space, what RFC 9651
 * section 4.1 writes. So nothing has a second spelling: no member twice, of which parsers keep the last, no base64
 * with bits left over, no `1.0` for `1`.
 */
export function readDictionary(text: string): Dictionary | null {
  return read(text, parseDictionary, serializeDictionary)
}

export function readList(text: string): List | null {
  return read(text, parseList, serializeList)
}

export function readItem(text: string): Item | null {
  return read(text, parseItem, (item: Item) => serializeItem(item))
}

/** The bytes of a byte sequence without parameters; null of anything else. */
export function bytesOf(value: unknown): Uint8Array | null {
  if (!Array.isArray(value) || !(value[0] instanceof ArrayBuffer)) return null
  return value[1] instanceof Map && value[1].size === 0 ? new Uint8Array(value[0]) : null
}

function read<T>(text: string, parse: (text: string) => T, serialize: (value: T) => string): T | null {
  if (text.length > MAX_FIELD_LENGTH) return null
  try {
    const value = parse(text)
    return withoutWhitespace(serialize(value)) === withoutWhitespace(text) ? value : null
  } catch {
    // The parser throws of what is no structured field; its message quotes nothing that anybody needs.
    return null
  }
}

/** Spaces and tabs outside of strings removed: inside they are part of the value. */
function withoutWhitespace(text: string): string {
  let kept = ''
  let isInString = false
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index]!
    if (isInString && character === '\\') {
      kept += text.slice(index, index + 2)
      index += 1
      continue
    }
    if (character === '"') isInString = !isInString
    if (isInString || (character !== ' ' && character !== '\t')) kept += character
  }
  return kept
}
