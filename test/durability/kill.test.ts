import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, test } from 'node:test'
import { rounds, seed } from '@credence/core/testing/rounds'
import { verifyAuditChain } from '@credence/server'
import { type RunningServer, startServer, temporaryFolder } from '../running-server.ts'
import { auditTrail } from './audit-trail.ts'
import { asking, brokenClaims, type KnownCredential } from './history.ts'
import { type Client, drawing, writeUntilKilled } from './load.ts'
import { settlePending } from './recovery.ts'

const CLIENTS = 4
const MOST_ACKNOWLEDGEMENTS = 24
const MOST_TURNS = 12

const dataPath = temporaryFolder()
after(() => rmSync(dataPath, { recursive: true, force: true }))

test('what was acknowledged survives a SIGKILL at any moment, and the rest is wholly there or absent', async (t) => {
  const kills = rounds(50)
  const from = seed()
  const draw = drawing(from)
  console.log(`killed under load: ${kills} rounds, seed ${from}`)
  const clients = Array.from({ length: CLIENTS }, (_, i) => aClient(`c${i}`))
  const counts = { acknowledged: 0, there: 0, absent: 0 }
  let server = await startServer({ dataPath })
  t.after(() => server.kill())
  await createApi(server)
  for (let round = 1; round <= kills; round++) {
    const acknowledgements = 1 + draw(MOST_ACKNOWLEDGEMENTS)
    const moment = { draw, acknowledgements, turns: draw(MOST_TURNS) }
    counts.acknowledged += await writeUntilKilled(server, clients, moment)
    server = await startServer({ dataPath })
    const where = `round ${round} of seed ${from}`
    // Before anything else is written: what was told must hold as it was told.
    const pending = new Set(clients.map((client) => client.pending?.known))
    const touched = clients.flatMap((client) => [...client.touched]).filter((known) => !pending.has(known))
    assert.deepEqual(await brokenClaims(touched, asking(server, 'orders')), [], where)
    for (const client of clients) {
      client.touched.clear()
      if (client.pending === null) continue
      const wasThere = await settlePending(server, client).catch((error: Error) => {
        throw new Error(`${where}: ${error.message}`, { cause: error })
      })
      counts[wasThere ? 'there' : 'absent']++
    }
  }
  console.log(JSON.stringify(counts))
  const history = clients.flatMap((client) => client.own)
  assert.deepEqual(await brokenClaims(history, asking(server, 'orders')), [])
  assert.ok(counts.acknowledged >= kills && counts.there + counts.absent > 0, 'the kills came under load')
  assertKinds(history)
  await assertCheckersComplain(server, history)
})

/** Every kind of claim occurred, else the run shows less than it says. */
function assertKinds(history: readonly KnownCredential[]): void {
  const claimed = new Set(history.flatMap(({ secrets }) => [...secrets.values()]))
  assert.deepEqual([...claimed].sort(), ['EXPIRED', 'REVOKED', 'VALID'])
}

/** The negative controls: a falsified history and a falsified trail are not taken for true. */
async function assertCheckersComplain(server: RunningServer, history: readonly KnownCredential[]) {
  const ask = asking(server, 'orders')
  const original = history.find(({ isRevoked, secrets }) => isRevoked && secrets.size > 0)!
  const secret = [...original.secrets.keys()][0]!
  const revived = { ...original, secrets: new Map([[secret, 'VALID' as const]]) }
  assert.deepEqual(await brokenClaims([revived], ask), [
    `secret 1 of ${original.id} is REVOKED, but was VALID`,
  ])
  const lost = { ...original, secrets: new Map([[`${secret.slice(0, -1)}#`, 'VALID' as const]]) }
  assert.equal((await brokenClaims([lost], ask)).length, 1)

  const trail = await auditTrail(server)
  assert.deepEqual(verifyAuditChain(trail).ok, true)
  const middle = Math.floor(trail.length / 2)
  assert.equal(verifyAuditChain(trail.toSpliced(middle, 1)).ok, false, 'an entry was removed')
  const changed = { ...trail[middle]!, action: 'credential.enable' }
  assert.equal(verifyAuditChain(trail.with(middle, changed)).ok, false, 'an entry was changed')
  const revocations = trail.filter(({ action }) => action === 'credential.revoke')
  assert.equal(revocations.length, history.filter(({ isRevoked }) => isRevoked).length)
}

function aClient(name: string): Client {
  return { name, own: [], touched: new Set(), sent: 0, pending: null }
}

async function createApi(server: RunningServer): Promise<void> {
  const body = { name: 'orders', audience: 'https://orders.example', scopes: ['orders:read'] }
  const answer = await server.request('POST', '/v1/apis', body)
  assert.equal(answer.status, 201, answer.text)
}
