import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { seed } from '@credence/core/testing/rounds'
import { verifyAuditChain } from '@credence/server'
import { type RunningServer, runCommand, startServer, temporaryFolder } from '../running-server.ts'
import { auditTrail } from './audit-trail.ts'
import { asking, type KnownCredential } from './history.ts'
import { acknowledged, type Client, type Draw, drawing, nextStep, send } from './load.ts'

/** What an operator does after having lost the data folder, from the backup to the check of every claim. */

const root = temporaryFolder()
after(() => rmSync(root, { recursive: true, force: true }))
const [dataPath, elsewhere, backups] = ['data', 'another-disk', 'backups'].map((name) =>
  join(root, name),
) as [string, string, string]
const journal = join(elsewhere, 'revocations.jsonl')
const env = { CREDENCE_REVOCATIONS_JOURNAL: journal }

const CLIENTS = 4
const BEFORE = 60
const DURING_AND_AFTER = 80

test('the restore drill: after the loss of the data folder nothing revoked is accepted, and nothing older than the backup is missing', {
  timeout: 120_000,
}, async (t) => {
  const from = seed()
  console.log(`restore drill: seed ${from}`)
  for (const folder of [elsewhere, backups]) mkdirSync(folder)
  const server = await startServer({ dataPath, env })
  t.after(() => server.kill())
  await createApi(server)
  // Kept by hand, as the docs tell: the keyring and the admin key are in no backup.
  for (const name of ['keyring.json', 'admin.key']) cpSync(join(dataPath, name), join(elsewhere, name))

  const load = underLoad(server, drawing(from), await untouched(server))
  await load.reaches(BEFORE)
  while (!load.history().some(({ isRevoked }) => isRevoked)) await load.reaches(load.count() + 1)
  const before = load.history()
  const backup = await server.credence(['backup', '--to', join(backups, 'drill.db'), '--json'], '', env)
  assert.equal(backup.code, 0, backup.stderr)
  await load.reaches(load.count() + DURING_AND_AFTER)
  while (missing(before, load.history()).length > 0) await load.reaches(load.count() + 1)
  const history = await load.kill()
  rmSync(dataPath, { recursive: true })
  assertNoSecretIn(backups, history, server.adminKey)

  await restoreInto(dataPath, [])
  const again = await startServer({ dataPath, env })
  t.after(() => again.kill())
  assert.deepEqual(await broken(again, before, history), [])
  // Each kind of credential occurred, else the drill shows less than it says.
  assert.deepEqual(missing(before, history), [])
  const trail = await auditTrail(again)
  assert.equal(verifyAuditChain(trail).ok, true)
  assert.equal(trail.filter(({ action }) => action === 'store.restore').length, 1)
  await again.stop()

  // The negative control: without the journal the same checker finds what came back to life.
  rmSync(journal)
  const without = join(root, 'without')
  await restoreInto(without, ['--accept-unknown-revocations'])
  const forgetful = await startServer({ dataPath: without, env })
  t.after(() => forgetful.kill())
  const revived = await broken(forgetful, before, history)
  assert.ok(
    revived.some((line) => /is VALID, but was REVOKED/.test(line)),
    revived.join('\n'),
  )
  await forgetful.stop()
})

async function restoreInto(folder: string, flags: readonly string[]): Promise<void> {
  mkdirSync(folder, { mode: 0o700 })
  for (const name of ['keyring.json', 'admin.key']) cpSync(join(elsewhere, name), join(folder, name))
  const args = ['restore', '--from', join(backups, 'drill.db'), '--json', ...flags]
  const { code, stdout, stderr } = await runCommand(args, { ...env, CREDENCE_DATA: folder })
  assert.equal(code, 0, stderr)
  assert.equal(JSON.parse(stdout).revocations_known, flags.length === 0, stderr)
}

interface Load {
  /** Steps acknowledged so far. */
  readonly count: () => number
  /** Resolves when so many have been. */
  readonly reaches: (count: number) => Promise<void>
  /** What was acknowledged until now, as it is now. */
  readonly history: () => KnownCredential[]
  /** Kills the server under the load. @returns all that was acknowledged; what was sent and not answered is left out */
  readonly kill: () => Promise<KnownCredential[]>
}

/** Issues a credential that the load does not know, so that there is one that was never revoked. */
async function untouched(server: RunningServer): Promise<KnownCredential> {
  const step = nextStep(() => 0, [], 'untouched')
  return acknowledged(step, await send(server, step))!
}

function underLoad(server: RunningServer, draw: Draw, kept: KnownCredential): Load {
  let count = 0
  let isKilled = false
  const waiting = new Set<() => void>()
  const clients: Client[] = Array.from({ length: CLIENTS }, (_, i) => ({
    name: `c${i}`,
    own: [],
    touched: new Set(),
    sent: 0,
    pending: null,
  }))
  const lane = async (client: Client) => {
    while (!isKilled) {
      client.pending = nextStep(draw, client.own, `${client.name}-${client.sent++}`)
      const answer = await send(server, client.pending).catch((error: unknown) => {
        if (!isKilled) throw error
      })
      if (answer === undefined) return
      const made = acknowledged(client.pending, answer)
      if (made !== null) client.own.push(made)
      client.pending = null
      count++
      for (const look of waiting) look()
    }
  }
  const lanes = Promise.all(clients.map(lane))
  const reaches = (wanted: number) => {
    const reached = new Promise<void>((resolve) => {
      const look = () => {
        if (count < wanted) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
    // A lane that fails must not leave the test waiting.
    return Promise.race([reached, lanes.then(() => {})])
  }
  const history = () => [kept, ...clients.flatMap(({ own }) => own)].map(copyOf)
  const kill = async () => {
    isKilled = true
    await server.kill()
    await lanes
    const unanswered = clients.map(({ pending }) => pending?.known?.id)
    return history().filter(({ id }) => !unanswered.includes(id))
  }
  return { count: () => count, reaches, history, kill }
}

function copyOf(known: KnownCredential): KnownCredential {
  return { ...known, secrets: new Map(known.secrets) }
}

/**
 * Every claim that does not hold. Revoked: refused, whenever that was, and by its name where the backup has it.
 * Acknowledged before the backup and never revoked: there, as it was then or as it was made later.
 */
async function broken(
  server: RunningServer,
  before: readonly KnownCredential[],
  history: readonly KnownCredential[],
): Promise<string[]> {
  const ask = asking(server, 'orders')
  const earlier = new Map(before.map((known) => [known.id, known]))
  const lines: string[] = []
  for (const known of history) {
    const then = earlier.get(known.id)
    for (const [place, [secret, claimed]] of [...known.secrets].entries()) {
      const verdict = await ask(secret)
      const wasThere = then?.secrets.get(secret)
      // Handed out while or after the backup was made, and not revoked: of that a restore promises nothing.
      if (wasThere === undefined && !known.isRevoked) continue
      const allowed = wasThere === undefined ? [claimed, 'NOT_FOUND', 'BAD_SECRET'] : [claimed]
      if (wasThere !== undefined && !known.isRevoked) allowed.push(wasThere)
      if (!allowed.includes(verdict))
        lines.push(`secret ${place + 1} of ${known.id} is ${verdict}, but was ${claimed}`)
    }
  }
  return lines
}

/** The kinds of credential that did not occur yet. */
function missing(before: readonly KnownCredential[], history: readonly KnownCredential[]): string[] {
  const earlier = new Map(before.map((known) => [known.id, known]))
  const revokedOnes = history.filter(({ isRevoked }) => isRevoked)
  const kinds = {
    'revoked before the backup': before.some(({ isRevoked }) => isRevoked),
    'revoked after it': revokedOnes.some(({ id }) => earlier.get(id)?.isRevoked === false),
    'issued and revoked after it': revokedOnes.some(({ id }) => !earlier.has(id)),
    'never revoked': history.some(({ id, isRevoked }) => !isRevoked && earlier.has(id)),
  }
  return Object.entries(kinds).flatMap(([kind, occurred]) => (occurred ? [] : kind))
}

function assertNoSecretIn(folder: string, history: readonly KnownCredential[], adminKey: string): void {
  const material = JSON.parse(readFileSync(join(elsewhere, 'keyring.json'), 'utf8')).keys[0]
    .material as string
  const secrets = [adminKey, material, ...history.flatMap(({ secrets }) => [...secrets.keys()])]
  const needles = secrets.flatMap((secret) => [secret, secret.slice(-38, -6)])
  needles.push(Buffer.from(material, 'base64url').toString('latin1'))
  for (const name of [...readdirSync(folder).map((file) => join(folder, file)), journal]) {
    const bytes = readFileSync(name, 'latin1')
    for (const needle of needles) assert.ok(!bytes.includes(needle), `a secret is in ${name}`)
  }
}

async function createApi(server: RunningServer): Promise<void> {
  const body = { name: 'orders', audience: 'https://orders.example', scopes: ['orders:read'] }
  const answer = await server.request('POST', '/v1/apis', body)
  assert.equal(answer.status, 201, answer.text)
}
