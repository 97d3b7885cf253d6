/**
 * The one reading of a request target. What is authorized is exactly what is forwarded, so a target that two
 * parsers could read differently is refused rather than repaired: `/public/../admin`, `%2e%2e`, `%2f`, `;a=b`,
 * `//`, `%00`, double encoding.
 */

export type CanonicalTarget =
  /** `query` is `?…` as it came, or empty. */
  | { readonly ok: true; readonly path: string; readonly query: string }
  | { readonly ok: false; readonly problem: string }

const PERCENT = 0x25
const SLASH = 0x2f
const QUESTION = 0x3f

/** pchar of RFC 3986 section 3.3 without `;` (parameters, which Java servers cut off and others keep), and `/`. */
const IS_PLAIN_PATH = charTable("/-._~!$&'()*+,=:@", true)
/** Escapes of these are decoded: RFC 3986 section 6.2.2.2 holds both spellings for one. */
const IS_UNRESERVED = charTable('-._~', true)
/** Escapes of these are read as what they stand for by whoever decodes before splitting. */
const IS_STRUCTURAL = charTable('/\\;?#', false)

/**
 * Escapes of unreserved characters are decoded, other escapes get upper-case digits, everything else stays.
 * Doing it again changes nothing. Only origin-form (RFC 9112 section 3.2.1) is a target here.
 */
export function canonicalTarget(target: string): CanonicalTarget {
  if (target.charCodeAt(0) !== SLASH) return refused('not a path that begins with a slash')
  let index = 1
  let hasEscape = false
  for (; index < target.length; index += 1) {
    const code = target.charCodeAt(index)
    if (code === QUESTION) break
    if (code === PERCENT) hasEscape = true
    else if (IS_PLAIN_PATH[code] !== 1) return refused(charProblem(code, 'path'))
    else if (code === SLASH && target.charCodeAt(index - 1) === SLASH) {
      return refused('empty segment: two slashes in a row')
    }
  }
  const queryProblem = problemOfQuery(target, index)
  if (queryProblem !== null) return refused(queryProblem)
  const path = target.slice(0, index)
  const query = target.slice(index)
  const canonical = hasEscape ? canonicalEscapes(path) : { ok: true as const, path, query: '' }
  if (!canonical.ok) return canonical
  if (hasDotSegment(canonical.path)) return refused('dot segment')
  return { ok: true, path: canonical.path, query }
}

/** A path's escapes in their one form. */
function canonicalEscapes(path: string): CanonicalTarget {
  let canonical = ''
  let copiedTo = 0
  let isAscii = true
  for (let index = path.indexOf('%'); index !== -1; index = path.indexOf('%', index + 3)) {
    const digits = path.slice(index + 1, index + 3)
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) return refused('percent sign without two hexadecimal digits')
    const code = Number.parseInt(digits, 16)
    if (code < 0x20 || code === 0x7f) return refused('encoded control character')
    if (IS_STRUCTURAL[code] === 1) return refused(`encoded ${JSON.stringify(String.fromCharCode(code))}`)
    if (code > 0x7f) isAscii = false
    canonical += path.slice(copiedTo, index)
    canonical += IS_UNRESERVED[code] === 1 ? String.fromCharCode(code) : `%${digits.toUpperCase()}`
    copiedTo = index + 3
  }
  canonical += path.slice(copiedTo)
  // A percent sign that makes another escape is read as that by whoever decodes twice; %u002f is IIS's way.
  if (/%25(?:[0-9a-fA-F]{2}|[uU])/.test(canonical)) return refused('percent-encoded twice')
  const problem = isAscii ? null : problemOfUnicode(canonical)
  return problem === null ? { ok: true, path: canonical, query: '' } : refused(problem)
}

/**
 * Escapes beyond ASCII must be UTF-8 in its one form (`%c0%af` is a slash to lenient decoders) and must not
 * turn into separators or dot segments where an upstream normalises (`／`, `．．` under NFKC).
 */
function problemOfUnicode(path: string): string | null {
  let text: string
  try {
    text = decodeURIComponent(path)
  } catch {
    return 'escapes that are not UTF-8'
  }
  const normalised = text.normalize('NFKC')
  const isStable = !/[\\;?#]/.test(normalised) && slashes(normalised) === slashes(path)
  return isStable && !hasDotSegment(normalised) ? null : 'characters that stand for slashes or dots'
}

function problemOfQuery(target: string, start: number): string | null {
  for (let index = start; index < target.length; index += 1) {
    const code = target.charCodeAt(index)
    if (code <= 0x20 || code >= 0x7f || code === 0x23) return charProblem(code, 'query')
  }
  return null
}

/** True of `.` and `..` as a segment. */
function hasDotSegment(path: string): boolean {
  for (let slash = path.indexOf('/.'); slash !== -1; slash = path.indexOf('/.', slash + 1)) {
    const next = path.charCodeAt(slash + 2) === 0x2e ? slash + 3 : slash + 2
    if (next === path.length || path.charCodeAt(next) === SLASH) return true
  }
  return false
}

function slashes(text: string): number {
  return text.split('/').length
}

/** Names the character by its number, so that what was sent does not reach a log or terminal. */
function charProblem(code: number, where: 'path' | 'query'): string {
  return `character that must be percent-encoded in the ${where}: 0x${code.toString(16).padStart(2, '0')}`
}

function refused(problem: string): CanonicalTarget {
  return { ok: false, problem }
}

/** 1 at the code of each character of the list, and of letters and digits when asked. */
function charTable(characters: string, withAlphanumerics: boolean): Uint8Array {
  const table = new Uint8Array(128)
  for (let code = 0; code < 128; code += 1) {
    const character = String.fromCharCode(code)
    const isListed = characters.includes(character)
    if (isListed || (withAlphanumerics && /[A-Za-z0-9]/.test(character))) table[code] = 1
  }
  return table
}
