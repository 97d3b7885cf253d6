/** Ends with 0 where a PostgreSQL from npm runs, which the suite `postgres` needs; else its last line says why not. */
import process from 'node:process'
import { startCluster } from './postgres-cluster.ts'

try {
  await (await startCluster({ isDurable: false })).remove()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
