import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Credits, LimitUnavailable } from '@credence/core'
import { StoreFault } from '../store/port.ts'
import { closedAfter } from '../testing/closed-after.ts'
import { openFailingStore } from '../testing/failing-store.ts'
import { protectApi } from '../testing/protected-api.ts'
import { startSurfaces } from '../testing/surfaces.ts'
import { StoreCredits } from './store-credits.ts'

const PREPAID: Credits = { type: 'credits', name: 'prepaid', limit: 5, refill: null }

test('a store that does not work leaves credits uncounted; any other fault stays one', async () => {
  const failing = new StoreCredits({ spendCredits: () => Promise.reject(new StoreFault('disk full')) })
  await assert.rejects(failing.spend('k', PREPAID, 1, 0), (error) => {
    return error instanceof LimitUnavailable && error.cause instanceof StoreFault
  })
  const faulty = new StoreCredits({ spendCredits: () => Promise.reject(new TypeError('ours')) })
  await assert.rejects(faulty.spend('k', PREPAID, 1, 0), TypeError)
})

test('credits that cannot be counted are 503 UNAVAILABLE at the gateway and in the log, and no fault', async () => {
  const { store, fail } = openFailingStore()
  const { context, gateway, upstream, close } = await startSurfaces({ store })
  closedAfter(close)
  const { key } = await protectApi(context, { api: { upstream }, credential: { limits: [PREPAID] } })
  const ask = () => fetch(`${gateway}/orders/7`, { headers: { 'x-api-key': key } })
  assert.equal((await ask()).status, 200)
  fail(true)
  const refused = await ask()
  const { code } = (await refused.json()) as { code: string }
  assert.deepEqual([refused.status, code, refused.headers.get('retry-after')], [503, 'UNAVAILABLE', '1'])
  fail(false)
  assert.equal((await ask()).status, 200)
})
