/**
 * better-auth's verifyApiKey in a process of its own: many keys on SQLite in memory, a permission and a rate limit
 * each. Tells 'ready' when the keys are made, then answers each message with verifications per second.
 */
import { randomInt } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { apiKey } from '@better-auth/api-key'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'

const KEYS = Number(process.argv[2])
const CALLS = 1_000

const auth = betterAuth({
  database: new DatabaseSync(':memory:'),
  secret: 'a secret of this benchmark, which protects nothing',
  baseURL: 'http://127.0.0.1',
  logger: { disabled: true },
  telemetry: { enabled: false },
  plugins: [apiKey({ rateLimit: { enabled: true, timeWindow: 1000, maxRequests: 1_000_000 } })],
})
await (await getMigrations(auth.options)).runMigrations()
const { adapter } = await auth.$context
const user = await adapter.create({
  model: 'user',
  data: {
    name: 'billing',
    email: 'billing@orders.example',
    emailVerified: true,
    createdAt: new Date(),
    updatedAt: new Date(),
  },
})
const keys = []
for (let made = 0; made < KEYS; made++) {
  const { key } = await auth.api.createApiKey({
    body: { userId: user.id, permissions: { orders: ['read'] } },
  })
  keys.push(key)
}

process.on('disconnect', () => process.exit())
process.on('message', async () => {
  const startMs = performance.now()
  for (let call = 0; call < CALLS; call++) {
    const { valid, error } = await auth.api.verifyApiKey({
      body: { key: keys[randomInt(KEYS)], permissions: { orders: ['read'] } },
    })
    if (!valid) throw new Error(error?.message)
  }
  process.send((CALLS * 1000) / (performance.now() - startMs))
})
process.send('ready')
