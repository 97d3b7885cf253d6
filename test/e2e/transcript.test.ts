import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readExamples } from './examples.ts'
import { difference, readTranscript } from './transcript.ts'

test('commands and what they print are read out of the section alone', () => {
  const markdown =
    '# A\n\n## First\n```ts\n$ none\n```\n```\n$ one \\\n    --more\nanswer\n\n$ two\n```\n## Second\n```\n$ three\n```\n'
  assert.deepEqual(readTranscript(markdown, 'First'), [
    { command: 'one \\\n    --more', lines: ['answer'] },
    { command: 'two', lines: [] },
  ])
  assert.throws(() => readTranscript(markdown, 'Third'), /no section Third/)
})

test('ids, times and durations may differ, and nothing else', () => {
  const shown = ['✓ credential 5Hd8… ends 14:32', '1        ends in 59m  4 s ago    127.0.0.1 curl/8.5']
  const printed = '✓ credential A1b2C3d4E5f6 ends 09:05\n1  ends in 60m  12 s ago  127.0.0.1 curl/8.14.1\n'
  assert.equal(difference(shown, printed), null)
  assert.equal(difference(shown, printed.replace('09:05', '2026-11-29 00:05')), null)
  assert.match(String(difference(shown, printed.replace('09:05', 'tomorrow'))), /line 1 is/)
  assert.match(String(difference(shown, printed.replace('ends in', 'ended'))), /line 2 is/)
  assert.match(String(difference(shown, printed.replace('✓', '✗'))), /line 1 is/)
  assert.match(String(difference(shown, `${printed}more\n`)), /one line more than shown: more/)
  assert.match(String(difference(shown, '')), /line 1 is missing/)
})

test('examples are read with their names, and one without a name or with that of another is refused', () => {
  const block = (text: string) => `words\n\`\`\`ts\n${text}\n\`\`\`\n`
  assert.deepEqual(readExamples(`${block('// a.ts\none')}${block('// b.ts\ntwo\n')}\`\`\`\n$ x\n\`\`\`\n`), [
    { name: 'a.ts', text: 'one\n' },
    { name: 'b.ts', text: 'two\n\n' },
  ])
  assert.throws(() => readExamples(block('const a = 1')), /begins with const a = 1/)
  assert.throws(() => readExamples(block('// a.ts') + block('// a.ts')), /two examples are named a\.ts/)
})
