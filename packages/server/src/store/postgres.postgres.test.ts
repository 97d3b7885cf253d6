import { newDatabase } from '../testing/postgres-fixture.ts'
import { openPostgresStore } from './postgres.ts'
import { durableStoreContract, sharedStoreContract, storeContract } from './testing/contract.ts'

function openAt(url: string) {
  const limits = { poolSize: 8, readTimeoutMs: 5000 }
  return openPostgresStore({ url, ...limits, migrate: 'auto', clock: Date.now, random: Math.random })
}

async function openNew() {
  const url = await newDatabase()
  const store = await openAt(url)
  const reopen = async () => {
    await store.close()
    return openAt(url)
  }
  return { store, reopen, another: () => openAt(url) }
}

storeContract('postgres', openNew)
durableStoreContract('postgres', openNew)
sharedStoreContract('postgres', openNew)
