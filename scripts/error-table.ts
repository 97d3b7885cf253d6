import { challengeFor, problemType, publicCode, VERDICTS, type VerdictCode } from '@credence/core'

/** The closed list of the design. The table is held against it, so neither grows or shrinks by accident. */
export const CLOSED_LIST = [
  'VALID',
  'MISSING',
  'MALFORMED',
  'BAD_REQUEST',
  'KIND_NOT_ACCEPTED',
  'ROUTE_UNKNOWN',
  'TLS_REQUIRED',
  'PROXY_UNTRUSTED',
  'AMBIGUOUS',
  'NOT_FOUND',
  'BAD_SECRET',
  'DISABLED',
  'EXPIRED',
  'NOT_YET_VALID',
  'REVOKED',
  'QUARANTINED',
  'WRONG_AUDIENCE',
  'UNTRUSTED_ISSUER',
  'BAD_SIGNATURE',
  'BINDING_REQUIRED',
  'BINDING_MISMATCH',
  'REPLAYED',
  'CONDITION_FAILED',
  'INSUFFICIENT_SCOPE',
  'RATE_LIMITED',
  'QUOTA_EXCEEDED',
  'LOCKED_OUT',
  'UNAVAILABLE',
] as const

/** What stands in the table for a verdict. */
export interface TableRow {
  readonly status: number
  readonly challenge: string | null
  readonly title: string
  readonly meaning: string
}
export type Table = Readonly<Record<string, TableRow>>

/** Differences between the codes found somewhere and the table, both ways. */
export function compareCodes(where: string, found: Iterable<string>, table: Table = VERDICTS): string[] {
  const codes = new Set(found)
  return [
    ...Object.keys(table)
      .filter((code) => !codes.has(code))
      .map((code) => `${where} lacks ${code}, which the table has`),
    ...[...codes]
      .filter((code) => !Object.hasOwn(table, code))
      .map((code) => `${where} has ${code}, which the table lacks`),
  ]
}

/** Rows that contradict HTTP: a 401 without a challenge, a challenge without a 4xx, a title told twice. */
export function tableProblems(table: Table = VERDICTS): string[] {
  const problems: string[] = []
  for (const [code, row] of Object.entries(table)) {
    if (row.status === 401 && row.challenge === null) {
      problems.push(`${code}: every 401 carries a challenge (RFC 9110 section 15.5.2)`)
    }
    const demanded = { invalid_request: 400, invalid_token: 401, bare: 401, insufficient_scope: 403 }
    const status = demanded[row.challenge as keyof typeof demanded]
    if (row.challenge !== null && status !== row.status) {
      problems.push(`${code}: challenge ${row.challenge} goes with ${status}, not ${row.status} (RFC 6750)`)
    }
    if (row.status === 200 && code !== 'VALID') problems.push(`${code}: only VALID may be a 200`)
  }
  return problems
}

const BEGIN = '<!-- generated: begin. Written by `node scripts/check-error-table.ts --write` -->'
const END = '<!-- generated: end -->'

/** The page with the generated part replaced, or null where the markers are missing. */
export function withGeneratedPart(page: string, table: Table = VERDICTS): string | null {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) return null
  return `${page.slice(0, begin)}${BEGIN}\n${renderTable(table)}${page.slice(end)}`
}

/** Codes that stand in the first column of a Markdown table. */
export function codesInPage(page: string): string[] {
  return [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]!)
}

function renderTable(table: Table): string {
  const lines = ['', '| code | HTTP | challenge | told to the caller | means |', '|---|---|---|---|---|']
  for (const [code, row] of Object.entries(table)) {
    lines.push(
      `| \`${code}\` | ${row.status} | ${row.challenge ?? '–'} | ${toldToCaller(code, row)} | ${row.meaning} |`,
    )
  }
  lines.push('', 'The same as headers, for an API named `orders`:', '', '```')
  const seen = new Set<string>()
  for (const code of Object.keys(table)) {
    const value = Object.hasOwn(VERDICTS, code)
      ? challengeFor(code as VerdictCode, 'orders', { scope: 'orders:write' })
      : null
    if (value === null || seen.has(value)) continue
    seen.add(value)
    lines.push(`${code}: WWW-Authenticate: ${value}`)
  }
  return `${[...lines, '```', ''].join('\n')}\n`
}

function toldToCaller(code: string, row: TableRow): string {
  const told = Object.hasOwn(VERDICTS, code) ? publicCode(code as VerdictCode) : code
  const title = row.title
  return told === code ? `${title}, \`${problemType(code)}\`` : `the same as \`${told}\``
}
