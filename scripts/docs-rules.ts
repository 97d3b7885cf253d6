import { dirname, join, normalize } from 'node:path/posix'

export interface Docs {
  /** Path from the repository's root → text, of every Markdown page. */
  readonly pages: ReadonlyMap<string, string>
  /** Whether a file or folder exists at a path from the repository's root. */
  readonly exists: (path: string) => boolean
}

/** What no page may hold, and why. */
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w.}$/-])\/(?:work|tmp|root|home|Users)\/[\w.-]+/, 'a path of somebody’s machine'],
  [/\bissues? #?\d+\b/i, 'a number of a tracker that the reader does not have'],
  [/\bTODO\b|\bFIXME\b|\bXXX\b/, 'an unfinished mark'],
]

/** Links that lead nowhere and words that do not belong, one line each. */
export function docsProblems(docs: Docs): string[] {
  const problems: string[] = []
  for (const [path, text] of docs.pages) {
    text.split('\n').forEach((line, index) => {
      for (const [pattern, why] of FORBIDDEN) {
        const match = pattern.exec(line)
        if (match !== null) problems.push(`${path}:${index + 1}: ${match[0]} is ${why}`)
      }
    })
    for (const { target, line } of linksIn(text)) {
      const problem = linkProblem(path, target, docs)
      if (problem !== null) problems.push(`${path}:${line}: ${problem}`)
    }
  }
  return problems
}

function linkProblem(from: string, target: string, docs: Docs): string | null {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return null
  if (target.startsWith('/')) return `${target} is absolute; links within the repository are relative`
  const [file = '', anchor] = target.split('#', 2)
  const path = file === '' ? from : normalize(join(dirname(from), decodeURIComponent(file)))
  if (path.startsWith('..')) return `${target} leaves the repository`
  if (!docs.exists(path)) return `${target} does not exist`
  const page = docs.pages.get(path)
  if (anchor === undefined || page === undefined) return null
  return anchorsIn(page).has(anchor) ? null : `${target}: no such heading`
}

interface Link {
  readonly target: string
  readonly line: number
}

/** Inline links, images and reference definitions outside of code. */
function linksIn(text: string): Link[] {
  const links: Link[] = []
  withoutFences(text).forEach((content, index) => {
    const prose = content.replace(/`[^`]*`/g, (code) => ' '.repeat(code.length))
    const inline = prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)
    const references = prose.matchAll(/^\s{0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*$/g)
    for (const match of [...inline, ...references]) links.push({ target: match[1]!, line: index + 1 })
  })
  return links
}

/** The anchors of a page's headings, by GitHub's rule. */
export function anchorsIn(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const line of withoutFences(text)) {
    const title = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1]
    if (title === undefined) continue
    const plain = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = plain.replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '').replace(/\s/g, '-')
    let name = slug
    for (let n = 1; anchors.has(name); n++) name = `${slug}-${n}`
    anchors.add(name)
  }
  return anchors
}

/** The lines of a page with those of fenced code emptied. */
function withoutFences(text: string): string[] {
  let fence: string | null = null
  return text.split('\n').map((line) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1]
    if (fence !== null) {
      if (mark?.startsWith(fence)) fence = null
      return ''
    }
    if (mark !== undefined) fence = mark
    return mark === undefined ? line : ''
  })
}
