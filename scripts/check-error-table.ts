/**
 * Holds the one table of verdicts against the design's closed list and the reference page.
 * `--write` writes the generated part of the page anew.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CLOSED_LIST, codesInPage, compareCodes, tableProblems, withGeneratedPart } from './error-table.ts'

const PAGE = 'docs/reference/verdicts.md'

/** Everything that is wrong with the table or a page that shows it, one line each. */
export function errorTableProblems(page: string): string[] {
  const problems = [
    ...compareCodes('the closed list', CLOSED_LIST),
    ...compareCodes(PAGE, codesInPage(page)),
    ...tableProblems(),
  ]
  const fresh = withGeneratedPart(page)
  if (fresh === null) problems.push(`${PAGE} has lost the markers of its generated part`)
  else if (fresh !== page) problems.push(`${PAGE} is stale: run node scripts/check-error-table.ts --write`)
  return problems
}

if (import.meta.main) {
  const path = resolve(import.meta.dirname, '..', PAGE)
  let page = readFileSync(path, 'utf8')
  if (process.argv.includes('--write')) {
    page = withGeneratedPart(page) ?? page
    writeFileSync(path, page)
  }
  const problems = errorTableProblems(page)
  for (const problem of problems) console.error(problem)
  if (problems.length === 0) console.log(`${CLOSED_LIST.length} verdicts agree with the table`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
