import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { createLog, type LogFormat } from './log.ts'
import { terminalText, withoutControls } from './terminal-text.ts'

const ID = '5Hd8kQ2mZx1a'
const SECRET = 'Zb3'.repeat(12)
const KEY = `crd_live_${ID}${SECRET}`
const PASSWORD = 'hunter2-correct-horse'

function logInto(lines: string[], format: LogFormat | null = 'json', isTerminal = false) {
  return createLog({ format, level: 'trace', isTerminal, stream: { write: (line) => void lines.push(line) } })
}

test('json is one object per line, with time, level and message', () => {
  const lines: string[] = []
  logInto(lines).warn({ request_id: 'r1' }, 'hello')
  const entry = JSON.parse(lines.join(''))
  assert.deepEqual([entry.level, entry.msg, entry.request_id], ['warn', 'hello', 'r1'])
  assert.equal(new Date(entry.time).toISOString(), entry.time)
})

test('without a format a terminal gets pretty lines and everything else json', () => {
  const [pretty, json]: [string[], string[]] = [[], []]
  logInto(pretty, null, true).info('x')
  logInto(json, null, false).info('x')
  assert.match(pretty.join(''), /^\d\d:\d\d:\d\d INFO {2}x\n$/)
  assert.match(json.join(''), /^\{.*\}\n$/)
})

test('off writes nothing, not even what is fatal', () => {
  const lines: string[] = []
  logInto(lines, 'off').fatal('x')
  assert.deepEqual(lines, [])
})

test('entries below the level are not written', () => {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const log = createLog({ format: 'json', level: 'warn', isTerminal: false, stream })
  log.info('no')
  log.warn('yes')
  assert.equal(lines.length, 1)
})

for (const format of ['json', 'pretty'] as const) {
  test(`no planted secret reaches a ${format} line, wherever it was planted`, () => {
    const lines: string[] = []
    const log = logInto(lines, format)
    const error = Object.assign(new Error(`bad key ${KEY}`, { cause: new Error(KEY) }), {
      request: { headers: { authorization: PASSWORD } },
      password: PASSWORD,
    })
    log.info(KEY)
    log.info(`Bearer ${PASSWORD} and Basic ${PASSWORD}`)
    log.info('%s with %j', KEY, { key: KEY })
    log.info({ key: KEY, nested: { deep: [{ deeper: KEY }] } }, 'fields')
    log.info({
      authorization: PASSWORD,
      headers: { authorization: PASSWORD, 'x-api-key': PASSWORD, cookie: PASSWORD },
    })
    log.info({ req: { headers: { authorization: PASSWORD, 'set-cookie': [PASSWORD] } } })
    log.info({
      a: { b: { c: { secret: PASSWORD } } },
      material: PASSWORD,
      record: { sealedDigest: PASSWORD },
    })
    log.info({ rawHeaders: ['Authorization', `Bearer ${PASSWORD}`, 'X-API-Key', KEY] })
    log.info({ [KEY]: 'as a name' })
    log.info({ url: `/orders?key=${KEY}`, upstream: `https://u:${PASSWORD}@host/` })
    log.error({ err: error }, `failed: ${KEY}`)
    log.error(error)
    log.child({ key: KEY, secret: PASSWORD }).info('from a child')
    const text = lines.join('')
    assert.ok(text.split('\n').length > 12, 'the lines were written')
    assert.ok(!text.includes(SECRET), text)
    assert.ok(!text.includes(PASSWORD), text)
    assert.ok(text.includes(`crd_live_${ID}[redacted]`), 'the public id is kept')
  })
}

test('negative control: a log without the defence shows the same plants', () => {
  const lines: string[] = []
  const log = pino({ base: null }, { write: (line) => void lines.push(line) })
  log.info({ rawHeaders: ['X-API-Key', KEY], authorization: PASSWORD }, `Bearer ${PASSWORD}`)
  assert.ok(lines.join('').includes(SECRET) && lines.join('').includes(PASSWORD))
})

test('an error is logged with type, code, message and stack, and nothing that hangs on it', () => {
  const lines: string[] = []
  const error = Object.assign(new TypeError('boom'), { code: 'E_BOOM', socket: { huge: 'x'.repeat(100) } })
  logInto(lines).error({ err: error }, 'failed')
  const { err } = JSON.parse(lines.join(''))
  assert.deepEqual(Object.keys(err).sort(), ['code', 'message', 'stack', 'type'])
  assert.deepEqual([err.type, err.code, err.message], ['TypeError', 'E_BOOM', 'boom'])
})

test('a pretty entry is one line, whatever it holds, and a terminal does not act on it', () => {
  const lines: string[] = []
  const evil = 'a\u001b[2Jb\nFORGED\r\u009bc\u202ed\u2028e\u007f'
  logInto(lines, 'pretty').info({ path: evil, [evil]: 1, list: [evil], empty: '', absent: null }, evil)
  const text = lines.join('')
  assert.equal(text.split('\n').length, 2)
  assert.ok(text.endsWith('\n'))
  assert.doesNotMatch(text.slice(0, -1), /[\p{Cc}\u202e\u2028]/u)
  assert.match(text, /empty=""/)
  assert.doesNotMatch(text, /absent/)
})

test("a pretty error's stack follows indented, so that a message cannot forge an entry", () => {
  const lines: string[] = []
  logInto(lines, 'pretty').error(new Error('boom\n12:00:00 INFO  forged'), 'failed')
  const [first, ...rest] = lines.join('').trimEnd().split('\n')
  assert.match(first ?? '', /ERROR failed err=/)
  assert.ok(rest.length > 1)
  for (const line of rest) assert.match(line, /^ {4}\S/)
})

test('terminal text keeps letters and emoji and escapes what acts', () => {
  assert.equal(terminalText('Zoë 👩‍🚀 \u001b\u{e0001}'), 'Zoë 👩‍🚀 \\u001b\\u{e0001}')
  assert.equal(withoutControls('a\u001b\u202eb\nc'), 'abc')
})
