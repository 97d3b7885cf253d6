import { openMemoryStore } from './memory.ts'
import { storeContract } from './testing/contract.ts'

storeContract('memory', async () => ({ store: openMemoryStore() }))
