import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { residentMib, temporaryFolder } from '../running-server.ts'
import { startNode } from './worker-node.ts'

/** A primary answers nothing, so it holds nothing of what answers. */
const PRIMARY_MIB = 125
const WORKER_MIB = 160
/** What a start leaves to be done is done by then. */
const AT_REST_MS = 5000

test(`at rest a primary holds at most ${PRIMARY_MIB} MiB and a worker ${WORKER_MIB}, after a very first start too`, async (t) => {
  const cachePath = temporaryFolder()
  t.after(() => rmSync(cachePath, { recursive: true, force: true }))
  const node = await startNode(t, 2, { env: { XDG_CACHE_HOME: cachePath } })
  await delay(AT_REST_MS)
  const primary = Math.round(residentMib(node.server.child))
  const workers = [...node.pids().values()].map((pid) => Math.round(residentMib({ pid })))
  console.log(`primary ${primary} MiB, workers ${workers.join(' and ')} MiB`)
  assert.ok(primary <= PRIMARY_MIB, `${primary} MiB`)
  assert.ok(workers.length === 2 && workers.every((mib) => mib <= WORKER_MIB), `${workers} MiB`)
})
