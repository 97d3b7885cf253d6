/**
 * Scopes: what a credential may do, as segments joined by `:` (`orders:read`).
 * A granted scope may be a pattern: `*` as the last segment covers one or more remaining segments, `*`
 * elsewhere exactly one, `*` alone everything. So `orders:*` covers `orders:read` and `orders:items:read`,
 * but not `orders`. A required scope never holds a wildcard.
 * What a request needs is an expression: `a AND (b OR c)`, AND binding tighter than OR.
 */

/** Longest scope or pattern, in characters. */
export const MAX_SCOPE_LENGTH = 256

/** scope-token of RFC 6749 section 3.3, narrowed to what needs no quoting anywhere. One class per step: linear. */
const SCOPE = /^[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)*$/
const SCOPE_PATTERN = /^(?:\*|[A-Za-z0-9_.-]+)(?::(?:\*|[A-Za-z0-9_.-]+))*$/
const COLON = 0x3a
const STAR = 0x2a

/** True of a scope without wildcards. The keywords of expressions, AND and OR, are none. */
export function isScope(text: string): boolean {
  return text.length <= MAX_SCOPE_LENGTH && text !== 'AND' && text !== 'OR' && SCOPE.test(text)
}

/** True of what may be granted: a scope, or a pattern of scopes. */
export function isScopePattern(text: string): boolean {
  return isScope(text) || (text.length <= MAX_SCOPE_LENGTH && text.includes('*') && SCOPE_PATTERN.test(text))
}

/**
 * True when `granted` covers `wanted`; both may be patterns, and a pattern is covered only when every scope
 * it stands for is. One walk over both, nothing allocated: this runs for every request.
 */
export function scopeCovers(granted: string, wanted: string): boolean {
  if (granted === wanted) return true
  let g = 0
  let w = 0
  for (;;) {
    if (granted.charCodeAt(g) === STAR) {
      // The last star covers what is left, and something is left: `w` stands at the start of a segment.
      if (g + 1 === granted.length) return true
      g += 1
      w = segmentEnd(wanted, w)
    } else {
      // A wanted `*` differs from every character of a literal segment, so it is refused here; and so is a
      // wanted last one that stands for many, since a granted pattern that is not open ends in a literal.
      while (g < granted.length && granted.charCodeAt(g) !== COLON) {
        if (granted.charCodeAt(g) !== wanted.charCodeAt(w)) return false
        g += 1
        w += 1
      }
    }
    if (g === granted.length || w === wanted.length) return g === granted.length && w === wanted.length
    if (wanted.charCodeAt(w) !== COLON) return false
    g += 1
    w += 1
  }
}

/** True when one of `granted` covers `wanted`. */
export function anyCovers(granted: readonly string[], wanted: string): boolean {
  for (let index = 0; index < granted.length; index += 1) {
    if (scopeCovers(granted[index]!, wanted)) return true
  }
  return false
}

/**
 * True when every wanted scope or pattern is covered. To ask for one that covers it alone is exact: as there
 * are endlessly many segments, no finite set of narrower patterns adds up to a wider one.
 */
export function coversAll(granted: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((scope) => anyCovers(granted, scope))
}

/**
 * What both lists allow, as the shortest list of scopes and patterns that says so: none is covered by
 * another. In the order of `a`.
 */
export function intersectScopes(a: readonly string[], b: readonly string[]): string[] {
  const both = new Set<string>()
  for (const one of a) {
    for (const other of b) {
      const common = intersectPatterns(one, other)
      if (common !== null) both.add(common)
    }
  }
  const candidates = [...both]
  // No two different patterns cover each other, so of two only the narrower one goes.
  return candidates.filter(
    (scope) => !candidates.some((other) => other !== scope && scopeCovers(other, scope)),
  )
}

/** What both patterns cover, which is one pattern again, or null: nothing. */
function intersectPatterns(a: string, b: string): string | null {
  if (scopeCovers(a, b)) return b
  if (scopeCovers(b, a)) return a
  const one = a.split(':')
  const other = b.split(':')
  const [short, long] = one.length <= other.length ? [one, other] : [other, one]
  // Only a star at the end reaches past its own segment.
  if (short.length < long.length && short.at(-1) !== '*') return null
  const common = [...long]
  for (let index = 0; index < short.length; index += 1) {
    const left = short[index]!
    const right = long[index]!
    if (left === right || left === '*') continue
    // The longer one's segments bind here, unless it is a star, which takes what the shorter one says.
    if (right !== '*') return null
    common[index] = left
  }
  return common.join(':')
}

function segmentEnd(text: string, start: number): number {
  const colon = text.indexOf(':', start)
  return colon === -1 ? text.length : colon
}

/** What a request needs, parsed. `of` has two or more members. */
export type ScopeExpression =
  | { readonly type: 'scope'; readonly scope: string }
  | { readonly type: 'all' | 'any'; readonly of: readonly ScopeExpression[] }

export type ParsedScopeExpression =
  | { readonly ok: true; readonly expression: ScopeExpression }
  | { readonly ok: false; readonly problem: string }

/** Longest expression, in characters. */
export const MAX_EXPRESSION_LENGTH = 1024
/** Most parentheses that may be open at once: the parser calls itself once for each. */
export const MAX_EXPRESSION_DEPTH = 32

/** Parses `a AND (b OR c)`. Each character is read once; what is not understood is a problem, never a guess. */
export function parseScopeExpression(text: string): ParsedScopeExpression {
  if (text.length > MAX_EXPRESSION_LENGTH) {
    return { ok: false, problem: `longer than ${MAX_EXPRESSION_LENGTH} characters` }
  }
  const parser = new ExpressionParser(text.match(/[()]|[^ ()]+/g) ?? [])
  const expression = parser.parse()
  return expression === null ? { ok: false, problem: parser.problem } : { ok: true, expression }
}

class ExpressionParser {
  /** Of the first thing that went wrong. */
  problem = ''
  readonly #tokens: readonly string[]
  #next = 0
  #depth = 0

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens
  }

  parse(): ScopeExpression | null {
    if (this.#tokens.length === 0) return this.#refuse('empty')
    const expression = this.#any()
    if (expression === null || this.#next === this.#tokens.length) return expression
    const token = this.#tokens[this.#next]!
    if (token === ')') return this.#refuse('a `)` without its `(`')
    const before = this.#tokens[this.#next - 1]!
    if (isOtherCaseKeyword(token)) return this.#refuse(`write ${token.toUpperCase()}, not ${quote(token)}`)
    return this.#refuse(
      `write AND (or OR) between ${quote(before)} and ${quote(token)}: a list without operators is not allowed`,
    )
  }

  #any(): ScopeExpression | null {
    return this.#chain('OR', 'any', () => this.#chain('AND', 'all', () => this.#operand()))
  }

  #chain(
    keyword: 'AND' | 'OR',
    type: 'all' | 'any',
    operand: () => ScopeExpression | null,
  ): ScopeExpression | null {
    const of: ScopeExpression[] = []
    do {
      const expression = operand()
      if (expression === null) return null
      of.push(expression)
    } while (this.#accept(keyword))
    return of.length === 1 ? of[0]! : { type, of }
  }

  #operand(): ScopeExpression | null {
    if (this.#accept('(')) return this.#parenthesised()
    const token = this.#tokens[this.#next]
    if (token === undefined) return this.#refuse('a scope is missing at the end')
    if (token === ')' || token === 'AND' || token === 'OR') {
      return this.#refuse(`a scope is missing before ${quote(token)}`)
    }
    if (!isScope(token)) return this.#refuse(scopeProblem(token))
    this.#next += 1
    return { type: 'scope', scope: token }
  }

  #parenthesised(): ScopeExpression | null {
    this.#depth += 1
    if (this.#depth > MAX_EXPRESSION_DEPTH) {
      return this.#refuse(`more than ${MAX_EXPRESSION_DEPTH} parentheses inside each other`)
    }
    const expression = this.#any()
    if (expression === null) return null
    this.#depth -= 1
    if (this.#accept(')')) return expression
    const token = this.#tokens[this.#next]
    if (token === undefined) return this.#refuse('a `(` without its `)`')
    return this.#refuse(`write AND, OR or \`)\` before ${quote(token)}`)
  }

  #accept(token: string): boolean {
    if (this.#tokens[this.#next] !== token) return false
    this.#next += 1
    return true
  }

  #refuse(problem: string): null {
    this.problem = problem
    return null
  }
}

function isOtherCaseKeyword(token: string): boolean {
  return /^(?:and|or)$/i.test(token)
}

function scopeProblem(token: string): string {
  if (isScopePattern(token)) return `${quote(token)} holds a wildcard: name the scope that is needed`
  return `${quote(token)} is not a scope: segments of A-Z a-z 0-9 _ . - joined by \`:\`, at most ${MAX_SCOPE_LENGTH} characters`
}

/** JSON's quoting keeps control characters out of terminals and logs. */
function quote(token: string): string {
  return JSON.stringify(token.length > 64 ? `${token.slice(0, 64)}…` : token)
}

/** True when the granted scopes and patterns meet the expression. */
export function satisfies(expression: ScopeExpression, granted: readonly string[]): boolean {
  if (expression.type === 'scope') return anyCovers(granted, expression.scope)
  const wanted = expression.type === 'any'
  for (let index = 0; index < expression.of.length; index += 1) {
    if (satisfies(expression.of[index]!, granted) === wanted) return wanted
  }
  return !wanted
}

/** Every scope that the expression names, each once, in order. */
export function scopesNamed(expression: ScopeExpression): string[] {
  if (expression.type === 'scope') return [expression.scope]
  return [...new Set(expression.of.flatMap(scopesNamed))]
}

/** A set of scopes, of few alternatives the fewest, that would make the expression hold; empty when it does. */
export function missingScopes(expression: ScopeExpression, granted: readonly string[]): string[] {
  if (expression.type === 'scope') return anyCovers(granted, expression.scope) ? [] : [expression.scope]
  const missing = expression.of.map((part) => missingScopes(part, granted))
  if (expression.type === 'all') return [...new Set(missing.flat())]
  return missing.reduce((fewest, one) => (one.length < fewest.length ? one : fewest))
}
