import assert from 'node:assert/strict'
import { test } from 'node:test'
import { difference, readTranscript } from './transcript.ts'

test('commands and what they print are read out of the section alone', () => {
  const markdown =
    '# A\n\n## First\n```\n$ one \\\n    --more\nanswer\n\n$ two\n```\n## Second\n```\n$ three\n```\n'
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
  assert.match(String(difference(shown, printed.replace('ends in', 'ended'))), /line 2 is/)
  assert.match(String(difference(shown, printed.replace('✓', '✗'))), /line 1 is/)
  assert.match(String(difference(shown, `${printed}more\n`)), /one line more than shown: more/)
  assert.match(String(difference(shown, '')), /line 1 is missing/)
})
