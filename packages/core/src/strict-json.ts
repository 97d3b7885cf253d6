/** Deepest nesting that is read. */
const MAX_DEPTH = 32

export type StrictJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: string }

/**
 * JSON as two parsers cannot read it differently: valid UTF-8 (when bytes are given), no member twice, no
 * `__proto__` (RFC 8259 section 4 leaves duplicates open; RFC 7515 section 4 and RFC 8725 forbid them), at most
 * 32 levels deep.
 */
export function parseStrictJson(input: Uint8Array | string): StrictJson {
  let text: string
  let value: unknown
  try {
    text =
      typeof input === 'string'
        ? input
        : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input)
  } catch {
    return { ok: false, problem: 'not valid UTF-8' }
  }
  try {
    // Far deeper input would overflow the parser's stack, so depth is looked at first.
    const depth = deepest(text)
    if (depth > MAX_DEPTH) return { ok: false, problem: `nested deeper than ${MAX_DEPTH} levels` }
    value = JSON.parse(text)
  } catch (error) {
    return { ok: false, problem: `not JSON${placeOf(error)}` }
  }
  const problem = memberProblem(text)
  return problem === null ? { ok: true, value } : { ok: false, problem }
}

/** Only where it went wrong: the engine's own message quotes the text, which may hold a secret. */
function placeOf(error: unknown): string {
  const at = error instanceof Error ? /position (\d+)/.exec(error.message) : null
  return at === null ? '' : ` at position ${at[1]}`
}

function deepest(text: string): number {
  let depth = 0
  let max = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '"') i = stringEnd(text, i)
    else if (c === '{' || c === '[') max = Math.max(max, ++depth)
    else if (c === '}' || c === ']') depth--
  }
  return max
}

/** Walks text that JSON.parse has accepted, so only strings, brackets and commas matter. */
function memberProblem(text: string): string | null {
  /** One set of names per open object; null for an open array. */
  const open: (Set<string> | null)[] = []
  let nameExpected = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '{') {
      open.push(new Set())
      nameExpected = true
    } else if (c === '[') {
      open.push(null)
      nameExpected = false
    } else if (c === '}' || c === ']') {
      open.pop()
      nameExpected = false
    } else if (c === ',') nameExpected = open.at(-1) !== null
    else if (c === '"') {
      const end = stringEnd(text, i)
      const names = open.at(-1)
      if (nameExpected && names) {
        // Escapes count as what they stand for: "a" and "\\u0061" are the same name.
        const name = JSON.parse(text.slice(i, end + 1)) as string
        if (name === '__proto__') return 'the member name __proto__ is reserved'
        if (names.has(name)) return `a member is named twice: ${JSON.stringify(name.slice(0, 64))}`
        names.add(name)
        nameExpected = false
      }
      i = end
    }
  }
  return null
}

/** Index of the quote that closes the string which begins at `start`. */
function stringEnd(text: string, start: number): number {
  let i = start + 1
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i
}

/** The JSON object that some bytes are; null: they are none, whatever is wrong with them. */
export function readStrictJsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  const json = parseStrictJson(bytes)
  if (!json.ok || typeof json.value !== 'object' || json.value === null || Array.isArray(json.value))
    return null
  return json.value as Readonly<Record<string, unknown>>
}
