import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Members } from './members.ts'
import { openMemoryStore } from './store/memory.ts'
import type { SignOfLife, Store } from './store/port.ts'

function memberOf(store: Store, memberId: string) {
  const state = { position: 0, commits: 0, faults: 0, monotonicMs: 0 }
  const sign = (): SignOfLife => ({
    ...{ memberId, node: memberId.slice(0, 1), worker: 0, version: '0.1.0', startedAtMs: 0 },
    ...{ position: state.position, feedLagMs: null, isLeader: false },
  })
  const members = new Members({
    store,
    sign,
    aliveWithinMs: 3500,
    monotonic: () => state.monotonicMs,
    onCommit: () => {
      state.commits += 1
    },
    onFault: () => {
      state.faults += 1
    },
  })
  const follow = (position: number) => {
    state.position = position
    members.moved(position)
  }
  return { state, members, follow }
}

async function three() {
  let nowMs = 0
  const store = openMemoryStore(() => nowMs)
  const all = ['a/0', 'b/0', 'c/0'].map((id) => memberOf(store, id))
  for (const { members } of all) await members.join()
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { store, all, pass }
}

describe('the members of an installation', () => {
  test('know each other after a beat, until one leaves or falls silent', async () => {
    const { all, pass } = await three()
    const [a, b, c] = all.map(({ members }) => members)
    await a!.beat()
    const names = () => a!.list.map(({ node }) => node).toSorted()
    assert.deepEqual(names(), ['a', 'b', 'c'])
    await b!.leave()
    await a!.beat()
    assert.deepEqual(names(), ['a', 'c'])
    pass(3000)
    await a!.beat()
    assert.deepEqual(names(), ['a', 'c'])
    pass(1000)
    await a!.beat()
    assert.deepEqual(names(), ['a'])
    await c!.beat()
    await a!.beat()
    assert.deepEqual(names(), ['a', 'c'], 'and comes back')
  })

  test('a change has come through when each of them says so, and not before', async () => {
    const { all } = await three()
    const [a, b, c] = all
    a!.follow(7)
    let ended = false
    const reach = a!.members.reached(7, 60_000).finally(() => {
      ended = true
    })
    b!.follow(8)
    c!.follow(6)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(ended, false)
    c!.follow(7)
    assert.deepEqual(await reach, { nodes: 3, confirmed: 3 })
    assert.deepEqual(await b!.members.reached(7, 60_000), { nodes: 3, confirmed: 3 }, 'at once afterwards')
  })

  test('whoever does not say so is waited for no longer than asked, and counted as not confirmed', async () => {
    const { all } = await three()
    all[0]!.follow(7)
    all[1]!.follow(7)
    assert.deepEqual(await all[0]!.members.reached(7, 20), { nodes: 3, confirmed: 2 })
  })

  test('one that joined since the last beat is waited for as well', async () => {
    const { store, all } = await three()
    for (const { follow } of all) follow(7)
    const late = memberOf(store, 'd/0')
    await late.members.join()
    const reach = all[0]!.members.reached(7, 60_000)
    await new Promise((resolve) => setImmediate(resolve))
    late.follow(9)
    assert.deepEqual(await reach, { nodes: 4, confirmed: 4 })
  })

  test('a node counts once, and only when each of its workers acts on the change', async () => {
    const store = openMemoryStore()
    const workers = ['a/1', 'a/2', 'b/1', 'b/2'].map((id) => memberOf(store, id))
    for (const { members } of workers) await members.join()
    for (const { follow } of workers.slice(0, 3)) follow(7)
    assert.deepEqual(await workers[0]!.members.reached(7, 20), { nodes: 2, confirmed: 1 })
    workers[3]!.follow(7)
    assert.deepEqual(await workers[0]!.members.reached(7, 60_000), { nodes: 2, confirmed: 2 })
  })

  test('a process knows until when the others know of it, and gives a sign of life when that runs out', async () => {
    const { store, all } = await three()
    const { state, members } = all[0]!
    assert.equal(await members.isKnownUntil(3500), true)
    state.monotonicMs = 2000
    assert.equal(await members.isKnownUntil(5000), true, 'it gave another')
    await store.close()
    assert.equal(await members.isKnownUntil(5500), true)
    assert.equal(await members.isKnownUntil(5501), false, 'nobody has taken one since')
  })

  test('a store that is gone makes nobody fail', async () => {
    const { store, all } = await three()
    const { state, members, follow } = all[0]!
    await store.close()
    await members.beat()
    follow(3)
    await members.leave()
    await new Promise((resolve) => setImmediate(resolve))
    assert.ok(state.faults >= 3)
  })
})
