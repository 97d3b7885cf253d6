import { after } from 'node:test'
import { type Cluster, startCluster } from './postgres-cluster.ts'

let shared: Promise<Cluster> | null = null

/** A new database on the one PostgreSQL of this test file, which is stopped when the file is done. */
export async function newDatabase(): Promise<string> {
  return (await sharedCluster()).database()
}

export function sharedCluster(): Promise<Cluster> {
  shared ??= startCluster({ isDurable: false })
  return shared
}

after(async () => {
  if (shared !== null) await (await shared).remove()
})
