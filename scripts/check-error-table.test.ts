import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { VERDICTS } from '@credence/core'
import { errorTableProblems } from './check-error-table.ts'
import { CLOSED_LIST, codesInPage, compareCodes, tableProblems } from './error-table.ts'

const PAGE = readFileSync(resolve(import.meta.dirname, '../docs/reference/verdicts.md'), 'utf8')

test('table, closed list and reference page agree', () => {
  assert.deepEqual(errorTableProblems(PAGE), [])
  assert.equal(codesInPage(PAGE).length, CLOSED_LIST.length, 'each code stands once in the page')
})

test('refused: a code that only one side knows, both ways', () => {
  assert.deepEqual(compareCodes('the document', [...CLOSED_LIST.slice(1), 'INVENTED']), [
    'the document lacks VALID, which the table has',
    'the document has INVENTED, which the table lacks',
  ])
  const { LOCKED_OUT: _, ...shorter } = VERDICTS
  assert.deepEqual(compareCodes('the document', CLOSED_LIST, shorter), [
    'the document has LOCKED_OUT, which the table lacks',
  ])
})

test('refused: a page that lost a row, changed a text, or lost its markers', () => {
  const without = PAGE.replace(/^\| `EXPIRED`.*\n/m, '')
  assert.match(errorTableProblems(without).join('\n'), /lacks EXPIRED/)
  const changed = PAGE.replace('Everything holds', 'Nearly everything holds')
  assert.match(errorTableProblems(changed).join('\n'), /stale/)
  assert.match(errorTableProblems(PAGE.replace('<!-- generated: end -->', '')).join('\n'), /markers/)
})

test('refused: rows that HTTP forbids', () => {
  const row = { title: 'T', meaning: 'M' }
  const problems = (status: number, challenge: string | null) =>
    tableProblems({ X: { ...row, status, challenge } })
  assert.match(problems(401, null).join(), /every 401 carries a challenge/)
  assert.match(problems(403, 'invalid_token').join(), /goes with 401/)
  assert.match(problems(200, null).join(), /only VALID/)
  assert.deepEqual(problems(401, 'invalid_token'), [])
})
