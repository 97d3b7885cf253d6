/**
 * Issuing credentials over HTTP on the embedded store, each durable before it is answered, beside bare durable inserts
 * of a row of that size: one after the other, and many at once, where one wait for the disk serves several.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startServer, temporaryFolder } from '../test/running-server.ts'
import { install } from './installation.ts'
import { issuerFor } from './issuer.ts'
import { atLeast, ratioOf, report } from './report.ts'
import { inTurns } from './turns.ts'
import { pinServer } from './wrk.ts'

const CREDENTIALS = 10_000
const ROUNDS = 5
const ROUND_MS = 1500
const AT_ONCE = 32

const installation = await install(CREDENTIALS)
await installation.close()
const server = await startServer({ dataPath: installation.dataPath })
pinServer(server.child.pid!)
const folder = temporaryFolder()
const bare = new DatabaseSync(join(folder, 'bare.db'))
// As the embedded store sets it: a commit is on the disk when it returns.
bare.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
bare.exec('CREATE TABLE row (id INTEGER PRIMARY KEY, body TEXT NOT NULL)')
const insert = bare.prepare('INSERT INTO row (body) VALUES (?)')
const body = JSON.stringify(await server.request('GET', '/v1/credentials?limit=1'))
const issuer = issuerFor(server, AT_ONCE)
try {
  const rates = await inTurns(
    [
      { name: 'issue, one after the other', measure: () => issued(1) },
      { name: `issue, ${AT_ONCE} at once`, measure: () => issued(AT_ONCE) },
      { name: 'bare durable inserts', measure: inserted },
    ],
    ROUNDS,
  )
  report({
    what: 'issue of a credential over HTTP, durable, embedded store',
    unit: 'credentials/s',
    rates,
    ratios: [
      ratioOf(rates, 'issue, one after the other', 'bare durable inserts', atLeast(0.8)),
      ratioOf(rates, `issue, ${AT_ONCE} at once`, 'bare durable inserts', atLeast(1)),
    ],
    notes: ['An issue writes the credential, its change and its audit entry in one transaction.'],
  })
} finally {
  issuer.close()
  bare.close()
  await server.stop()
  installation.remove()
  rmSync(folder, { recursive: true, force: true })
}

/** Credentials per second. */
async function issued(atOnce: number): Promise<number> {
  let count = 0
  const startMs = performance.now()
  const lane = async () => {
    for (; performance.now() - startMs < ROUND_MS; count++) await issuer.issue()
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return (count * 1000) / (performance.now() - startMs)
}

/** Rows per second. */
function inserted(): number {
  let count = 0
  const startMs = performance.now()
  for (; performance.now() - startMs < ROUND_MS; count++) insert.run(body)
  return (count * 1000) / (performance.now() - startMs)
}
