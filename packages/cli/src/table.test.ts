import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inert, jsonText, withoutSecrets } from './inert.ts'
import { paintFor } from './paint.ts'
import { type Column, renderFacts, renderTable } from './table.ts'
import { fitText, textWidth } from './text-width.ts'

interface Row {
  readonly id: string
  readonly name: string
}
const COLUMNS: readonly Column<Row>[] = [
  { title: 'ID', value: (row) => row.id },
  { title: 'NAME', value: (row) => row.name, flexible: true },
]
const ESC = String.fromCharCode(27)

test('columns are aligned and lines carry no trailing space', () => {
  const rows = [
    { id: 'a', name: 'one' },
    { id: 'bbb', name: 'x' },
  ]
  assert.equal(renderTable(COLUMNS, rows, 80), 'ID   NAME\na    one\nbbb  x\n')
})

test('wide characters take two columns, marks none', () => {
  assert.equal(textWidth('日本'), 4)
  assert.equal(textWidth('ｶ'), 1)
  assert.equal(textWidth('e\u0301'), 1)
  assert.equal(textWidth('👩‍👩‍👧'), 2)
  const columns: readonly Column<Row>[] = [
    { title: 'NAME', value: (row) => row.name },
    { title: 'ID', value: (row) => row.id },
  ]
  assert.equal(
    renderTable(
      columns,
      [
        { id: 'a', name: '日本' },
        { id: 'b', name: 'abcd' },
      ],
      80,
    ),
    'NAME  ID\n日本  a\nabcd  b\n',
  )
})

test('on a narrow terminal only the flexible column gives way, never an id', () => {
  const table = renderTable(COLUMNS, [{ id: '5Hd8kQ2mZx1a', name: 'a rather long name' }], 24)
  assert.equal(table, 'ID            NAME\n5Hd8kQ2mZx1a  a rather …\n')
  assert.match(
    renderTable(COLUMNS, [{ id: '5Hd8kQ2mZx1a', name: 'a rather long name' }], 5),
    /5Hd8kQ2mZx1a {2}a rathe…/,
  )
})

test('a text is cut at whole characters', () => {
  assert.equal(fitText('日本語', 5), '日本…')
  assert.equal(fitText('日本語', 4), '日…')
  assert.equal(fitText('abc', 3), 'abc')
})

test('terminal sequences, line breaks and bidi marks from the server are inert', () => {
  assert.equal(inert(`a${ESC}[2Jb\n\u202ec\u009bd\u2028`), 'a\\x1b[2Jb\\x0a\\u{202e}c\\x9bd\\u{2028}')
  assert.equal(inert('日本 é 👩‍👩‍👧'), '日本 é 👩‍👩‍👧')
  assert.ok(!renderTable(COLUMNS, [{ id: ESC, name: '\r' }], 80).includes(ESC))
  assert.ok(!renderFacts([['name', `${ESC}]0;x\u0007`]]).includes(ESC))
})

test('JSON holds no raw control character and still parses to the same value', () => {
  const value = { name: `a${ESC}\u009b\u202e\n\u{e0001}` }
  const text = jsonText(value)
  assert.deepEqual(JSON.parse(text), value)
  assert.match(text, /^[\n\x20-\x7e]*$/)
})

test('colours are only for a terminal, and not against NO_COLOR', () => {
  const tty = { isTty: true, columns: 80, write: () => {} }
  assert.equal(paintFor(tty, {}).good('x'), `${ESC}[32mx${ESC}[0m`)
  assert.equal(paintFor(tty, { NO_COLOR: '1' }).good('x'), 'x')
  assert.equal(paintFor(tty, { TERM: 'dumb' }).good('x'), 'x')
  assert.equal(paintFor({ ...tty, isTty: false }, {}).good('x'), 'x')
})

test('what could be a key is not repeated, an id is', () => {
  const key = 'crd_live_5Hd8kQ2mZx1a0123456789abcdefghijABCDEFGHIJ01a1B2c3'
  assert.ok(!withoutSecrets(`unknown command '${key}'`).includes('0123456789'))
  assert.equal(
    withoutSecrets('credential 5Hd8kQ2mZx1a, api_0123456789ab'),
    'credential 5Hd8kQ2mZx1a, api_0123456789ab',
  )
})
