import { canonicalTarget } from './target.ts'

/**
 * A pattern of paths: literal segments, `*` for exactly one segment that is not empty, and `**` as the last
 * one for any rest, also none: `/a/**` matches `/a`, `/a/` and `/a/b/c`.
 */
export interface PathPattern {
  readonly text: string
  /** Without the `**`; null stands for `*`. */
  readonly segments: readonly (string | null)[]
  /** True when `**` follows. */
  readonly isOpen: boolean
}

export type ParsedPathPattern =
  | { readonly ok: true; readonly pattern: PathPattern }
  | { readonly ok: false; readonly problem: string }

/** Longest pattern, in characters. */
export const MAX_PATTERN_LENGTH = 1024
const SLASH = 0x2f

/** Literal segments must be written in the canonical form that requests are matched in; see target.ts. */
export function parsePathPattern(text: string): ParsedPathPattern {
  if (text.length > MAX_PATTERN_LENGTH) return refused(`longer than ${MAX_PATTERN_LENGTH} characters`)
  if (!text.startsWith('/')) return refused('a path pattern begins with a slash')
  if (text.includes('?')) return refused('a path pattern has no query: routes are about the path alone')
  if (text.includes('{')) return refused('write * for one segment, not {name}')
  const canonical = canonicalTarget(text)
  if (!canonical.ok) return refused(canonical.problem)
  if (canonical.path !== text) return refused(`not in canonical form: write ${canonical.path}`)
  const segments = text.slice(1).split('/')
  const isOpen = segments.at(-1) === '**'
  if (isOpen) segments.pop()
  for (const segment of segments) {
    if (segment === '**') return refused('** stands only at the end')
    if (segment !== '*' && segment.includes('*')) return refused('* stands for a whole segment')
    if (segment.startsWith(':')) return refused(`write * for one segment, not ${segment}`)
  }
  const pattern = { text, segments: segments.map((segment) => (segment === '*' ? null : segment)), isOpen }
  return { ok: true, pattern }
}

/** True when the pattern matches a canonical path. Reads each character once at most. */
export function matchPath(pattern: PathPattern, path: string): boolean {
  let position = 0
  for (let index = 0; index < pattern.segments.length; index += 1) {
    if (path.charCodeAt(position) !== SLASH) return false
    const segment = pattern.segments[index]!
    const start = position + 1
    if (segment === null) {
      const slash = path.indexOf('/', start)
      position = slash === -1 ? path.length : slash
      if (position === start) return false
    } else {
      if (!path.startsWith(segment, start)) return false
      position = start + segment.length
    }
  }
  if (position === path.length) return true
  return pattern.isOpen && path.charCodeAt(position) === SLASH
}

function refused(problem: string): ParsedPathPattern {
  return { ok: false, problem }
}
