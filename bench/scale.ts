/**
 * What a million credentials cost beside a thousand: the start of a server, a warm verify of a fixed hot set, a cold
 * look-up, and the memory of a cache whose bound is far below what is asked for. On the embedded store, in turns.
 */
import { performance } from 'node:perf_hooks'
import { type VerifyRequest, verify } from '@credence/core'
import { openDataFolder } from '@credence/server/testing/many-credentials'
import { startServer, temporaryFolder } from '../test/running-server.ts'

const SIZES = [1_000, Number(process.argv[2] ?? 1_000_000)]
const HOT = 1_000
const CACHE_ENTRIES = 50_000
const CALLS = 100_000
const ROUNDS = 5

interface Filled {
  readonly size: number
  readonly dataPath: string
  readonly opened: Awaited<ReturnType<typeof openDataFolder>>
  readonly keys: readonly string[]
}

const filled: Filled[] = []
for (const size of SIZES) {
  const dataPath = temporaryFolder()
  await prepare(dataPath)
  const opened = await openDataFolder(dataPath, 'orders')
  const startMs = performance.now()
  const keys = await opened.issue(size, Math.min(size, 100_000))
  console.log(`${shown(size)} credentials issued in ${((performance.now() - startMs) / 1000).toFixed(0)} s`)
  filled.push({ size, dataPath, opened, keys })
}

const warm = new Map(filled.map(({ size }) => [size, [] as number[]]))
const warmVerifiers = filled.map(({ opened }) => opened.verifier(CACHE_ENTRIES))
for (let round = 0; round <= ROUNDS; round++) {
  for (const [index, { size, opened, keys }] of filled.entries()) {
    const rate = await rateOf(keys.slice(0, HOT), opened.api, warmVerifiers[index]!, CALLS)
    // The first round fills the caches.
    if (round > 0) warm.get(size)!.push(rate)
  }
}
for (const { size } of filled) {
  console.log(
    `${shown(size).padStart(9)}: warm verify of ${HOT} hot keys ${shown(median(warm.get(size)!))}/s`,
  )
}
const ratio = median(warm.get(SIZES[1]!)!) / median(warm.get(SIZES[0]!)!)
console.log(`ratio ${ratio.toFixed(3)}, target 0.9 to 1.1`)

for (const { size, opened, keys } of filled) {
  const before = process.memoryUsage.rss()
  const verifier = opened.verifier(CACHE_ENTRIES)
  const startMs = performance.now()
  for (const key of keys) await verify(requestWith(key, opened.api), verifier)
  const perSecond = (keys.length * 1000) / (performance.now() - startMs)
  const grown = (process.memoryUsage.rss() - before) / 1_048_576
  console.log(
    `${shown(size).padStart(9)}: cold verify of ${shown(keys.length)} keys ${shown(perSecond)}/s; ` +
      `${verifier.lookup.size} records kept, memory grew by ${grown.toFixed(0)} MiB`,
  )
}

for (const { size, dataPath, opened } of filled) {
  await opened.store.close()
  const seconds: number[] = []
  for (let round = 0; round < 3; round++) {
    const server = await startServer({ dataPath })
    seconds.push(Number(/ready in ([\d.]+) s/.exec(server.output().stdout)?.[1]))
    await server.stop()
  }
  console.log(`${shown(size).padStart(9)}: ready in ${median(seconds)} s (target at most 1 s)`)
}

/** A server's first start, an API, and one credential for the others to be like. */
async function prepare(dataPath: string): Promise<void> {
  const server = await startServer({ dataPath })
  const api = { name: 'orders', audience: 'https://orders.example', scopes: ['orders:read'] }
  await server.request('POST', '/v1/apis', api)
  const limits = [{ name: 'default', limit: 1_000_000, window_seconds: 1 }]
  const credential = { kind: 'api_key', api: 'orders', scopes: ['orders:read'], principal: 'billing', limits }
  const made = await server.request('POST', '/v1/credentials', credential)
  if (made.status !== 201) throw new Error(made.text)
  await server.stop()
}

async function rateOf(
  keys: readonly string[],
  api: Filled['opened']['api'],
  verifier: Parameters<typeof verify>[1],
  calls: number,
): Promise<number> {
  const requests = keys.map((key) => requestWith(key, api))
  const startMs = performance.now()
  for (let call = 0; call < calls; call++) {
    const decision = await verify(requests[call % requests.length]!, verifier)
    if (decision.code !== 'VALID') throw new Error(`${decision.code}: ${decision.detail}`)
  }
  return (calls * 1000) / (performance.now() - startMs)
}

function requestWith(key: string, api: Filled['opened']['api']): VerifyRequest {
  return {
    ...{ api, homeApiId: null, credential: { scheme: 'key', value: key }, headers: [], query: '' },
    ...{ method: 'GET', path: '/orders/7', ip: '192.0.2.1', secure: true, useRoutes: false },
    ...{ scopes: 'orders:read', cost: null, fresh: false },
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function shown(value: number): string {
  return Math.round(value).toLocaleString('en')
}
