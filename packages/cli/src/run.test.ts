import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCredence } from './run.ts'
import type { ServerModule } from './terminal.ts'
import { recordingTerminal, runAgainst, TEST_KEY } from './testing/run-against.ts'
import { sampleCredential } from './testing/sample-resources.ts'

test('--version prints the version of the package, and revoke has a --version of its own', async () => {
  const version = await runAgainst({}, ['--version'])
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/)
  const revoked = { credential: sampleCredential() }
  const routes = { 'POST /v1/credentials/5Hd8kQ2mZx1a/versions/1/revoke': { body: revoked } }
  const result = await runAgainst(routes, ['credentials', 'revoke', '5Hd8kQ2mZx1a', '--version', '1'])
  assert.equal(result.exitCode, 0)
  assert.equal(result.stderr, '✓ version 1 revoked\n')
})

test('--help exits 0 on standard output and shows exit codes', async () => {
  const result = await runAgainst({}, ['--help'])
  assert.equal(result.exitCode, 0)
  assert.match(result.stdout, /Exit codes:/)
  assert.equal(result.stderr, '')
})

test('a command line that is not right exits 2 on standard error', async () => {
  const lines = [
    [],
    ['apis'],
    ['nothing'],
    ['apis', 'create', 'x'],
    ['apis', 'list', '--nothing'],
    ['apis', 'show'],
    ['apis', 'show', 'a', 'b'],
    ['completion', 'tcsh'],
    ['apis', 'update', 'orders'],
    ['principals', 'update', 'billing'],
    ['roles', 'update', 'clerk'],
    ['credentials', 'rotate', 'x', '--overlap', 'soon'],
    ['credentials', 'revoke', 'x', '--version', '0'],
    ['credentials', 'list', '--expires-before', 'soon'],
    ['keys', 'create', '--api', 'a', '--principal', 'p', '--expires', 'soon'],
    ['apis', 'show', '..'],
    ['backup'],
    ['restore', '--accept-unknown-revocations'],
    ['store', 'copy', '--to', 'sqlite:a', '--to-file', 'b'],
  ]
  for (const line of lines) {
    const result = await runAgainst({}, line)
    assert.equal(result.exitCode, 2, line.join(' '))
    assert.equal(result.stdout, '', line.join(' '))
    assert.notEqual(result.stderr, '', line.join(' '))
    assert.equal(result.requests.length, 0, line.join(' '))
  }
})

test('a secret typed in the wrong place is not repeated in the complaint', async () => {
  for (const line of [
    [TEST_KEY],
    ['verify', TEST_KEY],
    ['apis', 'list', `--secret=${TEST_KEY}`],
    ['keys', 'create', '--rate', TEST_KEY, '--api', 'a', '--principal', 'p'],
  ]) {
    const result = await runAgainst({}, line)
    assert.equal(result.exitCode, 2)
    assert.ok(!result.stderr.includes(TEST_KEY.slice(9)), result.stderr)
  }
})

test('the common options work before and after the command', async () => {
  const routes = { 'GET /v1/apis': { body: { items: [], next_cursor: null } } }
  for (const line of [
    ['--json', 'apis', 'list'],
    ['apis', '--json', 'list'],
    ['apis', 'list', '--json'],
  ]) {
    assert.equal((await runAgainst(routes, line, { tty: true })).stdout, '[]\n', line.join(' '))
  }
})

test('an answer of the wrong shape is a fault with exit code 70, and no stack', async () => {
  const result = await runAgainst({ 'GET /v1/apis': { body: { items: 7 } } }, ['apis', 'list'])
  assert.equal(result.exitCode, 70)
  assert.equal(result.stderr.split('\n').length, 2)
})

test('the commands of the host hand the settings to the server and pass its exit code on', async () => {
  const calls: unknown[] = []
  const server: ServerModule = {
    run: async (env) => {
      calls.push(['run', env.CREDENCE_DATA, env.CREDENCE_GATEWAY_LISTEN, env.CREDENCE_LOG])
      return undefined
    },
    migrateFromEnvironment: async (_env, options) => {
      calls.push(['migrate', options])
      return 3
    },
    recoverAdmin: async (env) => {
      calls.push(['recover', env.CREDENCE_DATA])
      return 0
    },
    backUpFromEnvironment: async (env, options) => {
      calls.push(['backup', env.CREDENCE_DATA, options])
      return undefined
    },
    restoreFromEnvironment: async (env, options) => {
      calls.push(['restore', env.CREDENCE_DATA, options])
      return 5
    },
    copyStoreFromEnvironment: async (env, options) => {
      calls.push(['copy', env.CREDENCE_DATA, options])
      return 1
    },
    makeKeyring: async (env) => {
      calls.push(['keyring', env.CREDENCE_DATA])
      return 1
    },
  }
  const env = { CREDENCE_DATA: '/a', CREDENCE_LOG: 'off' }
  const { terminal, output } = recordingTerminal({ env, terminal: { loadServer: async () => server } })
  assert.equal(await runCredence(['start', '--data', '/b', '--gateway-listen', 'off'], terminal), 0)
  assert.equal(await runCredence(['migrate', '--plan'], terminal), 3)
  assert.equal(await runCredence(['migrate'], terminal), 3)
  assert.equal(await runCredence(['admin', 'recover'], terminal), 0)
  assert.equal(await runCredence(['backup', '--data', '/c', '--to', 'b.db'], terminal), 0)
  assert.equal(await runCredence(['restore', '--from', 'b.db', '--json'], terminal), 5)
  assert.equal(await runCredence(['restore', '--accept-unknown-revocations', '--from', 'b.db'], terminal), 5)
  assert.equal(await runCredence(['store', 'copy', '--to', 'sqlite:new'], terminal), 1)
  assert.equal(await runCredence(['store', 'copy', '--to-file', 'f', '--json'], terminal), 1)
  assert.equal(await runCredence(['keyring', 'create', '--data', '/k'], terminal), 1)
  assert.deepEqual(calls, [
    ['run', '/b', 'off', 'off'],
    ['migrate', { plan: true }],
    ['migrate', { plan: false }],
    ['recover', '/a'],
    ['backup', '/c', { to: 'b.db', json: false }],
    ['restore', '/a', { from: 'b.db', acceptUnknown: false, json: true }],
    ['restore', '/a', { from: 'b.db', acceptUnknown: true, json: false }],
    ['copy', '/a', { to: 'sqlite:new', toFile: null, json: false }],
    ['copy', '/a', { to: null, toFile: 'f', json: true }],
    ['keyring', '/k'],
  ])
  assert.deepEqual(output(), { stdout: '', stderr: '' })
})
