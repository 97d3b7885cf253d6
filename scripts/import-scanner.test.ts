import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scanImports } from './import-scanner.ts'

const specifiers = (source: string) => scanImports(source).map((statement) => statement.specifier)

test('every form of import and re-export is found, with its line', () => {
  const source = [
    "import 'a'",
    "import b from 'b'",
    "import * as c from 'c'",
    'import d, { e as f } from "d"',
    "import type { G } from 'g'",
    'import {',
    '  h,',
    "} from 'h'",
    "export { i } from 'i'",
    "export type { J } from 'j'",
    "export * from 'k'",
    "export * as l from 'l'",
    "const m = await import('m')",
    "type N = import('n').N",
  ].join('\n')
  assert.deepEqual(
    scanImports(source).map(({ form, specifier, typeOnly, line }) => [form, specifier, typeOnly, line]),
    [
      ['import', 'a', false, 1],
      ['import', 'b', false, 2],
      ['import', 'c', false, 3],
      ['import', 'd', false, 4],
      ['import', 'g', true, 5],
      ['import', 'h', false, 6],
      ['export', 'i', false, 9],
      ['export', 'j', true, 10],
      ['export-star', 'k', false, 11],
      ['export-star', 'l', false, 12],
      ['dynamic', 'm', false, 13],
      ['dynamic', 'n', false, 14],
    ],
  )
})

test('a computed import is reported without a specifier, so that it can be refused', () => {
  assert.deepEqual(specifiers('await import(name)'), [null])
  assert.deepEqual(specifiers("await import('./' + name)"), [null])
  // biome would read a template placeholder in a plain string as a mistake, hence the concatenation.
  assert.deepEqual(specifiers('await import(`./$' + '{name}.ts`)'), [null])
})

test('what only looks like an import is none', () => {
  assert.deepEqual(specifiers("// import 'a'\n/* export * from 'b' */ const c = \"import 'd'\""), [])
  assert.deepEqual(specifiers('const a = `import "b"`; const c = { import: 1 }; x.import("d")'), [])
  assert.deepEqual(specifiers('const url = import.meta.url; export const x = 1; export default x'), [])
  assert.deepEqual(specifiers('export { a }; export type { B }'), [])
})

test('an import after text that confuses simple scanners is still found', () => {
  const confusing = [
    'const a = /["\'`]/.test(b)',
    'const a = b / c / d',
    'const a = /[/"]/g',
    'const a = `x $' + '{b ? `"` : { c: "}" }.c} y`',
    "const a = '\\''",
    'const a = 1_000.5 / 2 // "',
    'return /import/',
  ]
  for (const line of confusing) assert.deepEqual(specifiers(`${line}\nimport 'z'`), ['z'], line)
})

test('a source that cannot be read for certain is an error, never an empty answer', () => {
  for (const source of ["const a = 'b\nimport 'c'", 'const a = `b', 'if (a) {', 'import ! from "a"']) {
    assert.throws(() => scanImports(source), SyntaxError, source)
  }
})
