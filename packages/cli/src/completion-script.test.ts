import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { runAgainst } from './testing/run-against.ts'

const run = promisify(execFile)

/** What bash offers after these words, the last one being completed. */
async function offered(script: string, ...words: string[]): Promise<string[]> {
  const ask = `shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _credence; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout } = await run('bash', ['-c', `eval "$1"; ${ask}`, 'bash', script, 'credence', ...words])
  return stdout.split('\n').filter((line) => line !== '')
}

test('bash completes commands and options at every place', async () => {
  const { stdout: script, exitCode } = await runAgainst({}, ['completion', 'bash'])
  assert.equal(exitCode, 0)
  assert.deepEqual(await offered(script, 'cred'), ['credentials'])
  assert.deepEqual(await offered(script, 'apis', 'cr'), ['create'])
  assert.deepEqual(await offered(script, 'credentials', 'rotate', '5Hd8', '--ov'), ['--overlap'])
  assert.deepEqual(await offered(script, '--json', 'keys', 'create', '--ap'), ['--api'])
  assert.deepEqual(await offered(script, 'nothing-of-this-name'), [])
})

test('zsh and fish scripts name every command and quote what describes it', async () => {
  for (const shell of ['zsh', 'fish']) {
    const { stdout } = await runAgainst({}, ['completion', shell])
    for (const word of ['credentials rotate', 'admin recover', 'profile remove'])
      assert.ok(stdout.includes(word), word)
    assert.match(stdout, shell === 'zsh' ? /server'\\''s host/ : /server\\'s host/)
  }
})
