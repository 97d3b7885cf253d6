import assert from 'node:assert/strict'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  type Outcome,
  type RunningServer,
  runCommand,
  startServer,
  temporaryFolder,
} from '../running-server.ts'

interface Issued {
  readonly secret: string
  readonly credential: { readonly id: string }
}

describe('backup, restore and copy, by the commands that an operator types', () => {
  const root = temporaryFolder()
  const dataPath = join(root, 'data')
  const backup = join(root, 'backup.db')
  const keys: Record<'stays' | 'revoked', Issued> = {} as never
  let server: RunningServer

  before(async () => {
    server = await startServer({ dataPath })
    const api = { name: 'orders', audience: 'https://orders.example', scopes: ['orders:read'] }
    assert.equal((await server.request('POST', '/v1/apis', api)).status, 201)
    for (const name of ['stays', 'revoked'] as const) keys[name] = await issue(server, name)
  })
  after(async () => {
    await server.kill()
    rmSync(root, { recursive: true, force: true })
  })

  async function issue(at: RunningServer, name: string): Promise<Issued> {
    const body = { kind: 'api_key', api: 'orders', scopes: ['orders:read'], principal: name }
    const answer = await at.request<Issued>('POST', '/v1/credentials', body)
    assert.equal(answer.status, 201, answer.text)
    return answer.body
  }

  async function verdict(at: RunningServer, { secret }: Issued): Promise<string> {
    const answer = await at.request<{ code: string }>('POST', '/v1/verify', {
      credential: secret,
      api: 'orders',
    })
    return answer.body.code
  }

  /** A command on the data folder; what it writes holds no secret. */
  async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
    const outcome = await runCommand(args, { CREDENCE_DATA: dataPath, ...env })
    for (const { secret } of Object.values(keys))
      assert.ok(!`${outcome.stdout}${outcome.stderr}`.includes(secret))
    return outcome
  }

  it('backs up while the server runs, and says what it holds and that the keyring is not in it', async () => {
    const told = await run(['backup', '--to', backup])
    assert.equal(told.code, 0, told.stderr)
    assert.equal(told.stdout, '')
    assert.match(told.stderr, /^✓ backup in \S+backup\.db \(0600\), usage in \S+backup\.db\.usage/)
    assert.match(told.stderr, /position 4, of 20\S+Z, under keyring [0-9a-f]{4}(-[0-9a-f]{4}){3}\n/)
    assert.match(
      told.stderr,
      /workspaces 1, APIs 2, roles 0, principals 3, credentials 3, of them revoked 0\n/,
    )
    assert.match(
      told.stderr,
      /The keyring is not in it, and without it the digests are useless: keep \S+keyring\.json/,
    )
    const asked = await run(['backup', '--to', join(root, 'second.db'), '--json'])
    const { position, counts, journal, usage_path: usagePath } = JSON.parse(asked.stdout)
    assert.deepEqual([position, counts.credentials, journal.ok], [4, 3, true])
    assert.ok(existsSync(usagePath))
  })

  it('ends with 5 rather than replace a backup, and with 4 where there is nothing to back up', async () => {
    const again = await run(['backup', '--to', backup])
    assert.deepEqual([again.code, again.stdout], [5, ''])
    assert.match(again.stderr, /^credence: \S+backup\.db is there already/)
    const nothing = await run(['backup', '--to', join(root, 'none.db')], {
      CREDENCE_DATA: join(root, 'none'),
    })
    assert.equal(nothing.code, 4)
  })

  it('restores nothing while the server runs', async () => {
    const refused = await run(['restore', '--from', backup])
    assert.equal(refused.code, 5)
    assert.match(refused.stderr, /stop it first/)
    assert.equal(await verdict(server, keys.stays), 'VALID')
  })

  it('restores nothing without the keyring, and makes none', async () => {
    const revocation = await server.request(
      'POST',
      `/v1/credentials/${keys.revoked.credential.id}/revoke`,
      {},
    )
    assert.equal(revocation.status, 200)
    await server.kill()
    const keyring = join(dataPath, 'keyring.json')
    renameSync(keyring, `${keyring}.away`)
    const refused = await run(['restore', '--from', backup])
    assert.equal(refused.code, 5)
    assert.match(refused.stderr, /keyring\.json is missing; put it back first/)
    assert.ok(!existsSync(keyring))
    renameSync(`${keyring}.away`, keyring)
  })

  it('restores the backup of a server that was killed, and revokes again what was revoked since', async () => {
    const restored = await run(['restore', '--from', backup])
    assert.equal(restored.code, 0, restored.stderr)
    assert.match(
      restored.stderr,
      /revoked again: credentials 1, secret versions 0; deleted again: credentials 0\n/,
    )
    assert.match(restored.stderr, /that is all that was revoked after the backup/)
    const aside = /what was here is in (\S+)/.exec(restored.stderr)?.[1] ?? ''
    assert.ok(readdirSync(aside).includes('credence.db'))
    server = await startServer({ dataPath })
    assert.deepEqual(
      [await verdict(server, keys.stays), await verdict(server, keys.revoked)],
      ['VALID', 'REVOKED'],
    )
    const trail = await server.credence(['audit', '--limit', '1', '--json'])
    assert.equal(JSON.parse(trail.stdout)[0].action, 'store.restore')
  })

  it('a token of a write before the restore still gets an answer, a fresh one', async () => {
    const body = { credential: keys.stays.secret, api: 'orders', at_least: 1_000_000 }
    const answer = await server.request<{ code: string }>('POST', '/v1/verify', body)
    assert.equal(answer.body.code, 'VALID', answer.text)
  })

  it('ends with 1 where nobody can tell what was revoked, and goes on when told to', async () => {
    const lost = join(root, 'lost')
    mkdirSync(lost)
    cpSync(join(dataPath, 'keyring.json'), join(lost, 'keyring.json'))
    const refused = await run(['restore', '--from', backup], { CREDENCE_DATA: lost })
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /there is no journal of revocations.*\n.*--accept-unknown-revocations/)
    const flags = ['--accept-unknown-revocations', '--json']
    const accepted = await run(['restore', '--from', backup, ...flags], { CREDENCE_DATA: lost })
    assert.equal(accepted.code, 0, accepted.stderr)
    assert.match(accepted.stderr, /^! what was revoked after the backup is not known/m)
    assert.equal(JSON.parse(accepted.stdout).why_unknown, 'missing')
  })

  it('copies everything into a new data folder, on which a server with the same keyring goes on', async () => {
    const copy = join(root, 'copy')
    const busy = await run(['store', 'copy', '--to', `sqlite:${copy}`])
    assert.equal(busy.code, 5)
    assert.match(busy.stderr, /stop it first/)
    await server.stop()
    writeFileSync(join(root, 'to'), `sqlite:${copy}\n`)
    const itself = await run(['store', 'copy'], { CREDENCE_COPY_TO: `sqlite:${dataPath}` })
    assert.equal(itself.code, 5)
    const copied = await run(['store', 'copy', '--json'], { CREDENCE_COPY_TO_FILE: join(root, 'to') })
    assert.equal(copied.code, 0, copied.stderr)
    const { tables } = JSON.parse(copied.stdout)
    assert.equal(tables.find(({ name }: { name: string }) => name === 'credential').rows, 3)
    for (const name of ['keyring.json', 'admin.key']) cpSync(join(dataPath, name), join(copy, name))
    server = await startServer({ dataPath: copy })
    assert.deepEqual(
      [await verdict(server, keys.stays), await verdict(server, keys.revoked)],
      ['VALID', 'REVOKED'],
    )
    assert.ok(readFileSync(join(copy, 'revocations.jsonl'), 'utf8').includes(keys.revoked.credential.id))
  })
})
