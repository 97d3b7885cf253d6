/** One place where a module names another. */
export interface ImportStatement {
  readonly form: 'import' | 'export' | 'export-star' | 'dynamic'
  /** What is imported; null: computed, so that nobody can check it. */
  readonly specifier: string | null
  /** True of `import type` and `export type`: nothing of it is there at run time. */
  readonly typeOnly: boolean
  /** Counted from 1. */
  readonly line: number
}

interface Token {
  readonly type: 'word' | 'string' | 'punctuator' | 'other'
  readonly text: string
  readonly line: number
}

/**
 * Every import, re-export and `import()` of a TypeScript source, type positions included.
 * A scanner of our own, since TypeScript 7 has no stable programming interface yet.
 * Throws where it cannot be sure of what it reads: a check that misses an import would be worse.
 */
export function scanImports(source: string): ImportStatement[] {
  const tokens = tokenise(source)
  const found: ImportStatement[] = []
  tokens.forEach((token, index) => {
    if (token.type !== 'word' || isMember(tokens, index)) return
    const statement =
      token.text === 'import'
        ? importAt(tokens, index)
        : token.text === 'export'
          ? exportAt(tokens, index)
          : undefined
    if (statement !== undefined) found.push(statement)
  })
  return found
}

/** `x.import`, `x?.import` and `{ import: 1 }` are names, not statements. */
function isMember(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1]?.text
  return before === '.' || tokens[index + 1]?.text === ':'
}

function importAt(tokens: readonly Token[], index: number): ImportStatement | undefined {
  const { line } = tokens[index]!
  const next = tokens[index + 1]
  if (next === undefined || next.text === '.') return undefined
  if (next.type === 'punctuator' && next.text === '(') {
    const argument = tokens[index + 2]
    const after = tokens[index + 3]?.text
    const constant = argument?.type === 'string' && (after === ')' || after === ',')
    return { form: 'dynamic', specifier: constant ? argument.text : null, typeOnly: false, line }
  }
  const typeOnly = next.text === 'type' && tokens[index + 2]?.text !== 'from'
  for (let i = index + 1; i < tokens.length; i++) {
    const token = tokens[i]!
    if (token.type === 'string') return { form: 'import', specifier: token.text, typeOnly, line }
    if (token.type !== 'word' && !['{', '}', ',', '*'].includes(token.text)) break
  }
  throw new SyntaxError(`line ${line}: an import that cannot be read`)
}

function exportAt(tokens: readonly Token[], index: number): ImportStatement | undefined {
  const { line } = tokens[index]!
  const typeOnly = tokens[index + 1]?.text === 'type'
  let i = index + (typeOnly ? 2 : 1)
  if (tokens[i]?.text === '*') {
    const source = tokens.slice(i, i + 5).find((token) => token.type === 'string')
    return { form: 'export-star', specifier: source?.text ?? null, typeOnly, line }
  }
  if (tokens[i]?.text !== '{') return undefined
  while (tokens[i] !== undefined && tokens[i]!.text !== '}') i++
  const source = tokens[i + 2]
  if (tokens[i + 1]?.text !== 'from' || source?.type !== 'string') return undefined
  return { form: 'export', specifier: source.text, typeOnly, line }
}

const SPACE = /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y
const REGEXP = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y
/** Tried in this order where neither space nor a template stands. */
const TOKENS: readonly (readonly [Token['type'], RegExp])[] = [
  ['string', /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y],
  ['word', /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy],
  ['other', /\d[\w.]*/y],
  ['punctuator', /[^'"]/y],
]
/** After these words a slash begins a regular expression; after any other it divides. */
const BEFORE_REGEXP = new Set('return typeof case in of delete void throw new else do await yield'.split(' '))

function tokenise(source: string): Token[] {
  const tokens: Token[] = []
  /** Depths of braces at which a `}` goes back into a template. */
  const templates: number[] = []
  let depth = 0
  let at = source.startsWith('#!') ? source.indexOf('\n') : 0
  let line = 1
  const step = (type: Token['type'] | 'space', raw: string) => {
    if (type !== 'space') tokens.push({ type, text: type === 'string' ? raw.slice(1, -1) : raw, line })
    line += raw.split('\n').length - 1
    at += raw.length
  }
  while (at < source.length) {
    const space = matchAt(SPACE, source, at)
    if (space !== null) {
      step('space', space)
    } else if (source[at] === '`' || (source[at] === '}' && templates.at(-1) === depth)) {
      const chunk = templateChunk(source, at, line)
      if (chunk.startsWith('}')) templates.pop()
      if (chunk.endsWith('${')) templates.push(depth)
      step('other', chunk)
    } else {
      const [type, raw] = tokenAt(source, at, tokens.at(-1), line)
      if (raw === '{') depth++
      if (raw === '}') depth--
      step(type, raw)
    }
  }
  if (depth !== 0 || templates.length > 0) throw new SyntaxError('braces do not match')
  return tokens
}

function tokenAt(
  source: string,
  at: number,
  before: Token | undefined,
  line: number,
): readonly [Token['type'], string] {
  const regExp = source[at] === '/' && mayBeRegExp(before) ? matchAt(REGEXP, source, at) : null
  if (regExp !== null) return ['other', regExp]
  for (const [type, pattern] of TOKENS) {
    const raw = matchAt(pattern, source, at)
    if (raw !== null) return [type, raw]
  }
  throw new SyntaxError(`line ${line}: a string without an end`)
}

function matchAt(pattern: RegExp, source: string, at: number): string | null {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0] ?? null
}

/** From a backtick or a `}` up to the closing backtick or the next `${`. */
function templateChunk(source: string, from: number, line: number): string {
  for (let i = from + 1; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === '`') return source.slice(from, i + 1)
    else if (source[i] === '$' && source[i + 1] === '{') return source.slice(from, i + 2)
  }
  throw new SyntaxError(`line ${line}: a template without an end`)
}

function mayBeRegExp(before: Token | undefined): boolean {
  if (before === undefined) return true
  if (before.type === 'word') return BEFORE_REGEXP.has(before.text)
  return before.type === 'punctuator' && ![')', ']', '}'].includes(before.text)
}
