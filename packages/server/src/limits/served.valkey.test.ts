import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Limit } from '@credence/core'
import { closedAfter } from '../testing/closed-after.ts'
import { protectApi } from '../testing/protected-api.ts'
import { startRedis } from '../testing/redis-fixture.ts'
import { startSurfaces } from '../testing/surfaces.ts'

const LIMIT: Limit = { type: 'quota', name: 'day', limit: 5, period: 'day' }

async function metricsOf(api: string): Promise<string> {
  return (await fetch(`${api}/metrics`)).text()
}

test('a server with a Valkey counts there; without it goes on alone, and its metrics say so', async () => {
  const redis = await startRedis()
  const valkeyUrl = {
    host: '127.0.0.1',
    port: redis.port,
    username: null,
    password: null,
    database: 0,
    tls: false,
  }
  const { context, gateway, upstream, api, close } = await startSurfaces({ config: { valkeyUrl } })
  closedAfter(close)
  const ask = async (key: string) => {
    const response = await fetch(`${gateway}/orders/7`, { headers: { 'x-api-key': key } })
    return { status: response.status, rateLimit: response.headers.get('ratelimit') }
  }
  const { key, credential } = await protectApi(context, {
    api: { upstream, exactLimits: true },
    credential: { limits: [LIMIT] },
  })
  for (const left of [4, 3]) {
    const { status, rateLimit } = await ask(key)
    assert.equal(status, 200)
    assert.match(rateLimit ?? '', new RegExp(`"day";r=${left};t=`))
  }
  const counter = `credence:{${context.defaultWorkspaceId}}:limit:credential:${credential.id}:quota:day`
  assert.match(await redis.command(`GET ${counter}`), /\r\n2 \d+\r\n/)
  assert.match(await metricsOf(api), /^credence_limits_degraded 0$/m)

  await redis.kill()
  // Alone it is the only node: all of the limit is its share, of which two are used.
  const statuses = []
  for (let time = 0; time < 5; time++) statuses.push((await ask(key)).status)
  assert.deepEqual(statuses, [200, 200, 200, 429, 429])
  assert.equal(context.limits.state().isDegraded, true)
  const text = await metricsOf(api)
  assert.match(text, /^credence_limits_degraded 1$/m)
  assert.match(text, /^credence_limits_degraded_decisions_total 5$/m)

  await redis.restart()
  const deadlineMs = Date.now() + 10_000
  while (context.limits.state().isDegraded) {
    assert.ok(Date.now() < deadlineMs, 'it never found Valkey again')
    await delay(20)
  }
  assert.match(await metricsOf(api), /^credence_limits_degraded 0$/m)
})
