import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runSuite, type Suite } from './run-suite.ts'

/** Runs a suite over files written for it; negative controls are files that must not pass. */
async function run(files: Record<string, string>, suite: Partial<Suite> = {}, ci = false) {
  const root = await mkdtemp(join(tmpdir(), 'credence-run-suite-'))
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(root, name), text)
    return await runSuite({ name: 's', minutes: 1, tests: ['*.test.mjs'], ...suite }, { root, ci })
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

const IMPORT = "import { describe, test } from 'node:test'\n"

test('tests are counted one by one, also inside suites and under other tests', async () => {
  const result = await run({
    'a.test.mjs': `${IMPORT}test('a', async (t) => { await t.test('b', () => {}) })\nconsole.log('not ok 7')`,
    'b.test.mjs': `${IMPORT}describe('s', () => { test('c', () => {}) })`,
  })
  assert.deepEqual([result.ran, result.passed, result.failed, result.problems], [true, 3, 0, []])
})

const REFUSED: [name: string, text: string, expected: RegExp][] = [
  ['a failing test', "test('a', () => { throw new Error('boom') })", /✗ .*a\.test\.mjs:2 a[\s\S]*boom/],
  ['a skipped test', "test.skip('a', () => {})", /skipped tests are not allowed/],
  ['a skip without a reason', "test('a', (t) => t.skip(''))", /skipped tests are not allowed/],
  ['a todo test', "test.todo('a', () => {})", /todo tests are not allowed/],
  ['a skipped suite', "describe.skip('a', () => { test('b', () => {}) })", /skipped tests are not allowed/],
  ['a file without a test', '', /a\.test\.mjs has no test/],
  ['a file that cannot be loaded', "import './none.mjs'", /Cannot find module/],
  [
    'a rejection after the test',
    "test('a', () => { setTimeout(() => Promise.reject(new Error('late')), 20) })",
    /late/,
  ],
  [
    'a suite whose hook fails',
    "import { before } from 'node:test'\ndescribe('s', () => { before(() => { throw new Error('hook') }); test('t', () => {}) })",
    /hook/,
  ],
]

for (const [name, text, expected] of REFUSED) {
  test(`refused: ${name}`, async () => {
    const result = await run({ 'a.test.mjs': IMPORT + text })
    assert.ok(result.failed > 0, JSON.stringify(result))
    assert.match(result.problems.join('\n'), expected)
  })
}

test('refused: globs that match no file', async () => {
  assert.match((await run({})).problems.join(), /no test file matches/)
})

test('refused: a suite over its budget is killed, and the test that hangs is named', async () => {
  const hang = `${IMPORT}test('hangs', () => new Promise(() => { setInterval(() => {}, 1000) }))`
  const result = await run({ 'a.test.mjs': hang }, { minutes: 1.5 / 60 })
  assert.equal(result.failed, 1)
  assert.match(result.problems.join('\n'), /over its budget[\s\S]*still running: .* hangs/)
})

test('refused: a test that leaves a process behind, which is killed', async () => {
  const leave =
    "import { spawn } from 'node:child_process'\n" +
    "test('a', () => { const c = spawn('sleep', ['60'], { stdio: 'ignore' }); c.unref(); console.error('pid', c.pid) })"
  const result = await run({ 'a.test.mjs': IMPORT + leave })
  assert.equal(result.failed, 1)
  assert.match(result.problems.join('\n'), /left processes running/)
})

test('a check passes or fails by its exit code and shows its output', async () => {
  const check = (text: string) =>
    run({ 'check.mjs': text }, { tests: undefined as never, check: ['check.mjs'] })
  assert.equal((await check('')).passed, 1)
  const bad = await check("console.error('three things wrong'); process.exitCode = 1")
  assert.equal(bad.failed, 1)
  assert.match(bad.problems.join('\n'), /three things wrong/)
})

test('a missing service is reported as not run, and fails under CI', async () => {
  const needs = ['no-such-program-anywhere']
  const files = { 'a.test.mjs': `${IMPORT}test('a', () => {})` }
  const here = await run(files, { needs })
  assert.deepEqual([here.ran, here.failed], [false, 0])
  assert.match(here.problems.join(), /no-such-program-anywhere/)
  const ci = await run(files, { needs }, true)
  assert.deepEqual([ci.ran, ci.failed], [false, 1])
})

test('a suite whose probe fails is reported as not run, by its last line, and fails under CI', async () => {
  const files = {
    'a.test.mjs': `${IMPORT}test('a', () => {})`,
    'probe.mjs': "console.log('starting'); console.error('no server here'); process.exitCode = 3",
    'works.mjs': '',
  }
  const here = await run(files, { probe: ['probe.mjs'] })
  assert.deepEqual([here.ran, here.failed, here.problems], [false, 0, ['no server here']])
  assert.deepEqual((await run(files, { probe: ['probe.mjs'] }, true)).failed, 1)
  const works = await run(files, { probe: ['works.mjs'] })
  assert.deepEqual([works.ran, works.passed, works.failed], [true, 1, 0])
})
