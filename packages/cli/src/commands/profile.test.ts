import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { profilesPath } from '../profile.ts'
import { runCredence } from '../run.ts'
import { recordingTerminal } from '../testing/run-against.ts'
import { SECRET } from '../testing/sample-resources.ts'

test('a profile keeps server and key, is used, listed without its key, and removed', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'credence-cli-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  const env = { HOME: home }
  const run = async (line: readonly string[], stdin = '') => {
    const { terminal, output } = recordingTerminal({ env, stdin })
    return { exitCode: await runCredence(['profile', ...line], terminal), ...output() }
  }

  const set = await run(['set', 'staging', '--url', 'https://staging.example/', '--key', '-'], `${SECRET}\n`)
  assert.equal(set.exitCode, 0)
  assert.ok(!`${set.stdout}${set.stderr}`.includes(SECRET))
  assert.equal((await stat(profilesPath(env))).mode & 0o777, 0o600)
  assert.equal((await run(['set', 'production', '--key-file', 'production.key'])).exitCode, 0)
  assert.equal((await run(['use', 'production'])).exitCode, 0)
  assert.equal((await run(['use', 'nowhere'])).exitCode, 2)

  const list = await run(['list'])
  assert.ok(!list.stdout.includes(SECRET))
  assert.deepEqual(JSON.parse(list.stdout), [
    { name: 'staging', url: 'https://staging.example', key_file: null, key_kept: true, current: false },
    {
      name: 'production',
      url: 'http://127.0.0.1:6749',
      key_file: join(process.cwd(), 'production.key'),
      key_kept: false,
      current: true,
    },
  ])
  assert.match((await run(['list', '--no-json'])).stdout, /staging .* kept in the profile/)

  assert.equal((await run(['remove', 'staging'])).exitCode, 0)
  assert.equal((await run(['remove', 'staging'])).exitCode, 2)
  assert.ok(!(await readFile(profilesPath(env), 'utf8')).includes(SECRET))
})

test('a key on the command line is not taken into a profile', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'credence-cli-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  const { terminal, output } = recordingTerminal({ env: { HOME: home } })
  assert.equal(await runCredence(['profile', 'set', 'x', '--key', SECRET], terminal), 2)
  assert.ok(!output().stderr.includes(SECRET))
  await assert.rejects(stat(profilesPath({ HOME: home })))
})
