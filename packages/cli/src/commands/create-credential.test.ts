import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runAgainst } from '../testing/run-against.ts'
import { at, CREDENTIAL_ID, SECRET, sampleCredential } from '../testing/sample-resources.ts'

const PASSWORD = ' hurdle vex quib gnaw '
const CREATE = ['credentials', 'create', '--api', 'orders', '--principal', 'billing']
const BASIC = [...CREATE, '--kind', 'basic', '--username', 'ann']

let folder: string
let passwordFile: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credence-passwords-'))
  passwordFile = join(folder, 'password')
  await writeFile(passwordFile, `${PASSWORD}\n`)
})
after(() => rm(folder, { recursive: true }))

function routesFor(answer: object) {
  return {
    'POST /v1/credentials': { status: 201, body: answer },
    [`POST /v1/credentials/${CREDENTIAL_ID}/rotate`]: { body: answer },
    'GET /v1/principals/prn_0123456789ab': { body: { created_at: at(0) } },
  }
}
const basic = sampleCredential({ kind: 'basic', username: 'ann' })
const chosen = { credential: basic, secret: null, secret_shown: false }

test('a password that was given goes into the request as it stands, and comes out nowhere', async () => {
  for (const run of [
    { args: [...BASIC, '--password-file', passwordFile] },
    { args: [...BASIC, '--password-file', '-'], stdin: `${PASSWORD}\n` },
    { args: ['credentials', 'rotate', CREDENTIAL_ID, '--password-file', passwordFile] },
  ]) {
    const result = await runAgainst(routesFor(chosen), run.args, { stdin: run.stdin ?? '' })
    assert.equal(result.exitCode, 0, result.stderr)
    const body = result.requests[0]?.body as { password?: string }
    assert.equal(body.password, PASSWORD)
    assert.equal(result.stdout, '')
    assert.match(result.stderr, /^✓/)
    assert.ok(!result.stderr.includes('hurdle'))
  }
})

test('a generated password, and a client secret, are alone on standard output; what it goes with is beside it', async () => {
  for (const [kind, credential, said] of [
    ['basic', basic, /username ann/],
    [
      'client_secret',
      sampleCredential({ kind: 'client_secret', client_id: 'cli_0123456789ab' }),
      /client id cli_/,
    ],
  ] as const) {
    const username = kind === 'basic' ? ['--username', 'ann'] : []
    const answer = { credential, secret: SECRET, secret_shown: false }
    const result = await runAgainst(routesFor(answer), [...CREATE, '--kind', kind, ...username])
    assert.equal(result.stdout, `${SECRET}\n`)
    assert.match(result.stderr, said)
    const { kind: sent, username: sentName } = result.requests[0]!.body as Record<string, unknown>
    assert.deepEqual([sent, sentName], [kind, username[1]])
  }
})

test('a client key has no secret: nothing goes to standard output, also when the request is repeated', async () => {
  const file = join(folder, 'client.jwk')
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  await writeFile(file, JSON.stringify(pair))
  const credential = sampleCredential({ kind: 'client_key', client_id: 'cli_0123456789ab' })
  const answer = { credential, secret: null, secret_shown: false }
  const args = [...CREATE, '--kind', 'client_key', '--bind-signature', file]
  const result = await runAgainst(routesFor(answer), args)
  assert.deepEqual([result.exitCode, result.stdout], [0, ''], result.stderr)
  assert.match(result.stderr, /client id cli_0123456789ab.*no secret but the private key/)
  const { kind, binding } = result.requests[0]!.body as Record<string, unknown>
  const { d: _secret, ...jwk } = pair
  assert.deepEqual([kind, binding], ['client_key', { type: 'signature', jwk }])
})

test('a replay fails, also where the password was given: nobody may take it for done anew', async () => {
  const replay = { ...chosen, secret_shown: true }
  const result = await runAgainst(routesFor(replay), [...BASIC, '--password-file', passwordFile])
  assert.equal(result.exitCode, 5)
})

test('a password that cannot be read is said by its file, and nothing is sent', async () => {
  const twoLines = join(folder, 'two-lines')
  await writeFile(twoLines, 'one\ntwo\n')
  for (const [args, stdin, complaint] of [
    [[...BASIC, '--password-file', join(folder, 'none')], '', /cannot read .*none: ENOENT/],
    [[...BASIC, '--password-file', twoLines], '', /more than one line/],
    [[...BASIC, '--password-file', '-'], '\n', /nothing in standard input/],
    [[...BASIC, '--password-file', '-', '--key', '-'], 'x', /cannot both come from standard input/],
  ] as const) {
    const result = await runAgainst(routesFor(chosen), args, { stdin })
    assert.equal(result.exitCode, 2)
    assert.match(result.stderr, complaint)
    assert.deepEqual(result.requests, [])
  }
})

test('at a terminal it is asked for twice, without an echo, and must be the same', async () => {
  for (const [answers, exitCode] of [
    [['hurdle vex quib gnaw', 'hurdle vex quib gnaw'], 0],
    [['hurdle vex quib gnaw', 'hurdle vex quib gnat'], 2],
  ] as const) {
    const left: string[] = [...answers]
    const stdin = {
      isTty: true,
      readAll: () => Promise.reject(new Error('it would be echoed')),
      readHidden: async () => left.shift() ?? '',
    }
    const args = [...BASIC, '--password-file', '-']
    const result = await runAgainst(routesFor(chosen), args, { terminal: { stdin } })
    assert.equal(result.exitCode, exitCode)
    assert.deepEqual(left, [])
  }
})

test('there is no way to give a password as an argument', async () => {
  const result = await runAgainst(routesFor(chosen), [...BASIC, '--password', 'hurdle vex quib gnaw'])
  assert.equal(result.exitCode, 2)
  assert.deepEqual(result.requests, [])
})

test('verify asks about a username as its owner would present it', async () => {
  const verdict = {
    ...{ valid: true, code: 'VALID', credential: null, principal: null, scopes: [], limits: [] },
    ...{ retry_after_seconds: null, request_id: 'r1' },
  }
  const args = ['verify', '--api', 'orders', '--username', 'ann', '--ip', '203.0.113.9']
  const result = await runAgainst({ 'POST /v1/verify': { body: verdict } }, args, { stdin: 'hurdle vex\n' })
  const token = Buffer.from('ann:hurdle vex').toString('base64')
  assert.deepEqual(result.requests[0]?.body, {
    api: 'orders',
    request: { ip: '203.0.113.9', headers: { Authorization: `Basic ${token}` }, secure: true },
  })
})
