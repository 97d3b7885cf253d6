/** From `npm start` on a folder that exists to the first verified request, and what the idle server then holds. */
import { setTimeout as delay } from 'node:timers/promises'
import { residentMib, startServer } from '../test/running-server.ts'
import { install } from './installation.ts'
import { atMost, report } from './report.ts'
import { rateOf } from './turns.ts'

const CREDENTIALS = 10_000
const ROUNDS = 3
/** Long enough for what a start leaves behind to be collected. */
const IDLE_SECONDS = 5

const installation = await install(CREDENTIALS)
await installation.close()
const seconds: number[] = []
const mib: number[] = []
for (let round = 0; round <= ROUNDS; round++) {
  const startMs = performance.now()
  const server = await startServer({ dataPath: installation.dataPath })
  const asked = { credential: installation.keys[round], api: 'orders', scopes: 'orders:read' }
  const { body } = await server.request<{ code: string }>('POST', '/v1/verify', asked)
  if (body.code !== 'VALID') throw new Error(JSON.stringify(body))
  const tookSeconds = (performance.now() - startMs) / 1000
  await delay(IDLE_SECONDS * 1000)
  // The first start fills the caches of the file system.
  if (round > 0) {
    seconds.push(tookSeconds)
    mib.push(residentMib(server.child))
  }
  await server.stop()
}
installation.remove()
const [start, memory] = [rateOf('start to a verified request', seconds), rateOf('idle server', mib)]
report({
  what: `start, ${CREDENTIALS} credentials`,
  unit: 's',
  rates: [start],
  ratios: [{ what: start.name, value: start.median, target: atMost(2) }],
  notes: [],
})
report({
  what: `memory of an idle server, ${CREDENTIALS} credentials`,
  unit: 'MiB RSS',
  rates: [memory],
  ratios: [{ what: memory.name, value: memory.median, target: atMost(160) }],
  notes: [],
})
