import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { settingsReference } from '@credence/server'

const ROOT = resolve(import.meta.dirname, '..')
const NAME = /\bCREDENCE_[A-Z][A-Z_]*[A-Z]\b/g
/** Rounds and seeds of the tests. */
const OF_TESTS = /^CREDENCE_TEST_/

/** Settings by the table, and variables of the command line by its reference, which is generated. */
function knownNames(): Set<string> {
  const commands = readFileSync(resolve(ROOT, 'docs/reference/cli.md'), 'utf8')
  return new Set(`${settingsReference()}\n${commands}`.match(NAME))
}

function unknownNames(text: string, known: ReadonlySet<string>): string[] {
  return (text.match(NAME) ?? []).filter((name) => !known.has(name) && !OF_TESTS.test(name))
}

test('every setting that a deployment file or a page names exists', () => {
  const known = knownNames()
  const paths = globSync(['deploy/**/*', 'docs/**/*.md', '*.md'], { cwd: ROOT, withFileTypes: true })
  const files = paths.filter((entry) => entry.isFile())
  let named = 0
  for (const { parentPath, name } of files) {
    const path = resolve(parentPath, name)
    const text = readFileSync(path, 'utf8')
    named += text.match(NAME)?.length ?? 0
    assert.deepEqual(unknownNames(text, known), [], path)
  }
  assert.ok(files.length > 30 && named > 100, `${named} names in ${files.length} files`)
})

test('a name that no setting has is found', () => {
  const known = knownNames()
  assert.deepEqual(unknownNames('CREDENCE_LISTEN=1\nCREDENCE_LISTENS: CREDENCE_DATABASE_URL_FILE', known), [
    'CREDENCE_LISTENS',
  ])
})
