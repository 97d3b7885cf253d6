import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApiRecord } from '@credence/core'
import { protectApi, putRecords } from '../testing/protected-api.ts'
import { createTestContext } from '../testing/test-context.ts'
import { isMountedAt, MountTable, pathBehindMount } from './mount-table.ts'

async function mountsOf(...apis: (Partial<ApiRecord> & { name: string })[]) {
  const { context, close } = await createTestContext()
  const made = new Map<string, ApiRecord>()
  for (const api of apis) {
    made.set(
      api.name,
      (await protectApi(context, { api: { upstream: 'http://127.0.0.1:9000', ...api } })).api,
    )
  }
  const rebuilt: string[][] = []
  const mounts = new MountTable(context.directory, (origins) => rebuilt.push([...origins].sort()))
  const nameAt = (host: string | null, path: string) => {
    const id = mounts.find(host, path)
    return id === null ? null : context.directory.get(id)!.name
  }
  return { context, close, made, nameAt, rebuilt }
}

test('the longest base path wins, by whole segments', async () => {
  const { nameAt, close } = await mountsOf(
    { name: 'root' },
    { name: 'a', basePath: '/a' },
    { name: 'deep', basePath: '/a/b/c' },
  )
  for (const [path, name] of [
    ['/', 'root'],
    ['/x', 'root'],
    ['/a', 'a'],
    ['/a/', 'a'],
    ['/ab', 'root'],
    ['/a/b', 'a'],
    ['/a/b/c', 'deep'],
    ['/a/b/c/d/e', 'deep'],
    ['/a/b/cd', 'a'],
    ['/A', 'root'],
    [`/a${'/x'.repeat(5000)}`, 'a'],
  ] as const) {
    assert.equal(nameAt('any.example', path), name, path.slice(0, 20))
  }
  await close()
})

test('a host takes requests for that host only, whatever its case, port and final dot', async () => {
  const { nameAt, close } = await mountsOf(
    { name: 'shop', host: 'shop.example' },
    { name: 'any', basePath: '/any' },
    { name: 'ported', host: 'shop.example:8443', basePath: '/p' },
  )
  assert.equal(nameAt('shop.example', '/x'), 'shop')
  assert.equal(nameAt('shop.example:6750', '/x'), 'shop')
  assert.equal(nameAt('shop.example.', '/x'), 'shop')
  assert.equal(nameAt('other.example', '/x'), null)
  assert.equal(nameAt(null, '/x'), null)
  assert.equal(nameAt(null, '/any'), 'any')
  assert.equal(nameAt('shop.example', '/any/1'), 'any')
  assert.equal(nameAt('shop.example:8443', '/p'), 'ported')
  assert.equal(nameAt('shop.example:6750', '/p'), 'shop')
  await close()
})

test('an API without an upstream is not mounted', async () => {
  const { nameAt, close } = await mountsOf({ name: 'only', upstream: null })
  assert.equal(nameAt(null, '/'), null)
  await close()
})

test('a change of the directory is seen by the next request', async () => {
  const { context, made, nameAt, rebuilt, close } = await mountsOf({ name: 'orders', basePath: '/orders' })
  assert.equal(nameAt(null, '/orders/1'), 'orders')
  const moved: ApiRecord = {
    ...made.get('orders')!,
    revision: 2,
    basePath: '/sales',
    upstream: 'http://127.0.0.1:9001',
  }
  await putRecords(context, [{ table: 'api', record: moved }])
  assert.equal(nameAt(null, '/orders/1'), null)
  assert.equal(nameAt(null, '/sales/1'), 'orders')
  assert.deepEqual(rebuilt, [['http://127.0.0.1:9000'], ['http://127.0.0.1:9001']])
  await close()
})

test('a record that has moved away is no longer mounted where the table says', async () => {
  const { made, close } = await mountsOf({ name: 'orders', basePath: '/orders', host: 'a.example' })
  const api = made.get('orders')!
  assert.equal(isMountedAt(api, 'a.example:1', '/orders/1'), true)
  assert.equal(isMountedAt(api, 'a.example', '/ordersx'), false)
  assert.equal(isMountedAt(api, 'b.example', '/orders'), false)
  assert.equal(isMountedAt({ ...api, upstream: null }, 'a.example', '/orders'), false)
  await close()
})

test('the base path is cut off only where that was asked for', async () => {
  const { made, close } = await mountsOf({ name: 'orders', basePath: '/orders' })
  const api = made.get('orders')!
  assert.equal(pathBehindMount(api, '/orders/1'), '/orders/1')
  const stripped = { ...api, stripBasePath: true }
  assert.equal(pathBehindMount(stripped, '/orders/1'), '/1')
  assert.equal(pathBehindMount(stripped, '/orders'), '/')
  assert.equal(pathBehindMount(stripped, '/orders/'), '/')
  await close()
})
