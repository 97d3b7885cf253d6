import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { pino } from 'pino'
import { watchedJournal } from './journal.ts'
import { Metrics } from './metrics.ts'

function aLog() {
  const lines: { level: number; msg: string; problem?: string }[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    },
  })
  return { log: pino(stream), lines }
}

test('a journal that cannot be written is told once as an error, and when it can be again', () => {
  const { log, lines } = aLog()
  const journal = watchedJournal('/j', log)
  const [kept, failing] = [
    { problem: null, begun: null },
    { problem: 'ENOSPC', begun: null },
  ]
  const states = [kept, failing, failing, kept, kept].map((tried) => {
    journal.tried(tried)
    return journal.isKept()
  })
  assert.deepEqual(states, [true, false, false, true, true])
  assert.deepEqual(
    lines.map(({ level, problem }) => [level, problem]),
    [
      [50, 'ENOSPC'],
      [30, undefined],
    ],
  )
})

test('that a damaged journal was begun anew is an error, and that one begins is not', () => {
  const { log, lines } = aLog()
  const journal = watchedJournal('/j', log)
  journal.tried({ problem: null, begun: 'missing' })
  journal.tried({ problem: null, begun: 'damaged' })
  assert.deepEqual(
    lines.map(({ level }) => level),
    [30, 50],
  )
})

test('the metrics say whether the journal has all that was revoked', async () => {
  const metrics = new Metrics({ processMetrics: false })
  let isKept = true
  metrics.watchJournal(() => isKept)
  assert.match(await metrics.render(), /^credence_revocations_journal_up 1$/m)
  isKept = false
  assert.match(await metrics.render(), /^credence_revocations_journal_up 0$/m)
})
