import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { request, residentMib, startServer, temporaryFolder } from '../running-server.ts'

const LIMIT_MIB = 160
/** What a start leaves to be done is done by then. */
const AT_REST_MS = 5000

function folder(t: TestContext): string {
  const path = temporaryFolder()
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** What a server holds that nobody has asked anything, after a start with this folder of caches. */
async function mibAtRest(t: TestContext, cachePath: string): Promise<number> {
  const server = await startServer({ env: { XDG_CACHE_HOME: cachePath } })
  t.after(() => server.stop())
  await delay(AT_REST_MS)
  const mib = Math.round(residentMib(server.child))
  assert.equal((await request(`${server.api}/readyz`, 'GET')).status, 200)
  await server.stop()
  return mib
}

test(`a server at rest holds at most ${LIMIT_MIB} MiB, after the very first start from its sources as after any other`, async (t) => {
  const cachePath = folder(t)
  const first = await mibAtRest(t, cachePath)
  const second = await mibAtRest(t, cachePath)
  assert.ok(first <= LIMIT_MIB, `${first} MiB after the first start, ${second} MiB after the second`)
  assert.ok(second <= LIMIT_MIB, `${second} MiB after the second start, ${first} MiB after the first`)
})

test('a server that can cache nothing starts all the same, and holds what the cache spares others', async (t) => {
  const noFolder = join(folder(t), 'file')
  writeFileSync(noFolder, '')
  const mib = await mibAtRest(t, noFolder)
  assert.ok(
    mib > LIMIT_MIB,
    `${mib} MiB without a cache: what main.js and rehearse-once.js do is no longer needed`,
  )
})
