/**
 * What a million credentials cost beside ten thousand: the start of a server, a warm verify of a fixed hot set, a cold
 * look-up, and the memory of a cache whose bound is far below what is asked for. On the embedded store, in turns.
 */
import { performance } from 'node:perf_hooks'
import { type Verifier, type VerifyRequest, verify } from '@credence/core'
import { startServer } from '../test/running-server.ts'
import { type Installation, install } from './installation.ts'
import { atLeast, atMost, ratioOf, report, shown } from './report.ts'
import { inTurns, rateOf } from './turns.ts'

const FEW = 10_000
/** A million takes minutes to make. */
const MANY = Number(process.argv[2] ?? 1_000_000)
/** The same number of keys is asked about, whatever the number there is. */
const HOT = 10_000
const CACHE_ENTRIES = 50_000
const CALLS = 200_000
const COLD = 100_000
const ROUNDS = 5

interface Filled extends Installation {
  readonly size: number
  readonly name: string
}

const filled: Filled[] = []
for (const size of [FEW, MANY]) {
  const startMs = performance.now()
  const installation = await install(size, { keep: Math.min(size, COLD) })
  const seconds = (performance.now() - startMs) / 1000
  console.log(`${shown(size)} credentials made in ${shown(seconds)} s`)
  filled.push({ ...installation, size, name: `${shown(size)} credentials` })
}
try {
  await warm(filled)
  await cold(filled)
  await starts(filled)
} finally {
  for (const { remove } of filled) remove()
}

async function warm(folders: readonly Filled[]): Promise<void> {
  const contestants = folders.map(({ name, opened, keys }) => {
    const verifier = opened.verifier(CACHE_ENTRIES)
    const requests = keys.slice(0, HOT).map((key) => requestWith(key, opened.api))
    return { name, measure: () => verifiedPerSecond(requests, verifier) }
  })
  const rates = await inTurns(contestants, ROUNDS)
  const [few, many] = folders.map(({ name }) => name) as [string, string]
  report({
    what: `warm verify in process of a fixed hot set of ${shown(HOT)}`,
    unit: 'verify/s',
    rates,
    ratios: [ratioOf(rates, many, few, atLeast(0.9))],
    notes: [],
  })
}

async function cold(folders: readonly Filled[]): Promise<void> {
  const rates = []
  const notes = []
  for (const { name, opened, keys } of folders) {
    const verifier = opened.verifier(CACHE_ENTRIES)
    const before = process.memoryUsage.rss()
    const startMs = performance.now()
    for (const key of keys) await verify(requestWith(key, opened.api), verifier)
    rates.push(rateOf(name, [(keys.length * 1000) / (performance.now() - startMs)]))
    const mib = (process.memoryUsage.rss() - before) / 2 ** 20
    notes.push(
      `${name}: after ${shown(keys.length)} keys ${shown(verifier.lookup.size)} records are kept; the process grew by ${shown(mib)} MiB.`,
    )
  }
  report({
    what: 'cold look-up in process: each key for the first time',
    unit: 'verify/s',
    rates,
    ratios: [],
    notes,
  })
}

async function starts(folders: readonly Filled[]): Promise<void> {
  const rates = []
  for (const { name, dataPath, opened } of folders) {
    await opened.store.close()
    const seconds: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const server = await startServer({ dataPath })
      seconds.push(Number(/ready in ([\d.]+) s/.exec(server.output().stdout)?.[1]))
      await server.stop()
    }
    rates.push(rateOf(name, seconds))
  }
  const ratios = rates.map(({ name, median }) => ({ what: name, value: median, target: atMost(1) }))
  report({ what: 'start of a server, until it is ready', unit: 's', rates, ratios, notes: [] })
}

async function verifiedPerSecond(requests: readonly VerifyRequest[], verifier: Verifier): Promise<number> {
  const startMs = performance.now()
  for (let call = 0; call < CALLS; call++) {
    const decision = await verify(requests[call % requests.length]!, verifier)
    if (decision.code !== 'VALID') throw new Error(`${decision.code}: ${decision.detail}`)
  }
  return (CALLS * 1000) / (performance.now() - startMs)
}

function requestWith(key: string, api: Installation['opened']['api']): VerifyRequest {
  return {
    ...{ api, homeApiId: null, credential: { scheme: 'key', value: key }, headers: [], query: '' },
    ...{ method: 'GET', path: '/orders/7', ip: '192.0.2.1', secure: true, useRoutes: false },
    ...{ scopes: 'orders:read', cost: null, fresh: false, presenter: null },
  }
}
