import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Members, type MembersOptions } from './members.ts'
import { openMemoryStore } from './store/memory.ts'
import type { FeedListener, SignOfLife } from './store/port.ts'

function memberOf(store: MembersOptions['store'], memberId: string, leaseMs = 1000) {
  const state = { position: 0, commits: 0, faults: 0, monotonicMs: 0 }
  const sign = (): SignOfLife => ({
    ...{ memberId, node: memberId.slice(0, 1), worker: 0, version: '0.1.0', startedAtMs: 0, leaseMs },
    ...{ position: state.position, feedLagMs: null, isLeader: false },
  })
  const members = new Members({
    store,
    sign,
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

async function three(leaseMs?: number) {
  let nowMs = 0
  const store = openMemoryStore(() => nowMs)
  const all = ['a/0', 'b/0', 'c/0'].map((id) => memberOf(store, id, leaseMs))
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
    const { all } = await three(60_000)
    const [a, b, c] = all
    a!.follow(7)
    let ended = false
    const reach = a!.members.reached(7).finally(() => {
      ended = true
    })
    b!.follow(8)
    c!.follow(6)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(ended, false)
    c!.follow(7)
    const all3 = { nodes: 3, confirmed: 3, boundMs: 60_000 }
    assert.deepEqual(await reach, all3)
    assert.deepEqual(await b!.members.reached(7), all3, 'at once afterwards')
  })

  test('whoever does not say so is waited for as long as a lease lasts, and counted as not confirmed', async () => {
    const { all } = await three(20)
    all[0]!.follow(7)
    all[1]!.follow(7)
    const startMs = performance.now()
    const reach = await all[0]!.members.reached(7)
    assert.deepEqual(reach, { nodes: 3, confirmed: 2, boundMs: 20 })
    assert.ok(performance.now() - startMs >= 20)
  })

  test('where leases differ the longest of those that live is waited for, whosever it is', async () => {
    let nowMs = 0
    const store = openMemoryStore(() => nowMs)
    const leases: [string, number][] = [
      ['a/0', 20],
      ['b/0', 300],
      ['c/0', 50],
    ]
    const [a, b, c] = leases.map(([id, leaseMs]) => memberOf(store, id, leaseMs))
    for (const one of [a, b, c]) await one!.members.join()
    let position = 0
    const timed = async (of: typeof a) => {
      position += 1
      of!.follow(position)
      const startMs = performance.now()
      const { boundMs } = await of!.members.reached(position)
      const tookMs = performance.now() - startMs
      assert.ok(tookMs >= boundMs, `${tookMs} ms were waited of ${boundMs}`)
      return boundMs
    }
    assert.deepEqual([await timed(a), await timed(b)], [300, 300])
    // All of them silent: each is given up by its own lease, and what is left is waited for.
    nowMs = 2600
    assert.equal(await timed(c), 300)
    nowMs = 2801
    assert.equal(await timed(a), 50)
    await c!.members.leave()
    a!.follow(9)
    assert.deepEqual(await a!.members.reached(9), { nodes: 1, confirmed: 1, boundMs: 20 })
  })

  test('one that joined since the last beat is waited for as well', async () => {
    const { store, all } = await three(60_000)
    for (const { follow } of all) follow(7)
    const late = memberOf(store, 'd/0')
    await late.members.join()
    const reach = all[0]!.members.reached(7)
    await new Promise((resolve) => setImmediate(resolve))
    late.follow(9)
    assert.deepEqual(await reach, { nodes: 4, confirmed: 4, boundMs: 60_000 })
  })

  test('one that went back with the store acts on no more than it says from then on', async () => {
    const { all } = await three(20)
    const [a, b, c] = all
    for (const { follow, members } of all) {
      follow(9)
      await members.beat()
    }
    // The store lost all that came after 6; b and c have not noticed yet when a forgets what they said.
    a!.members.forgetPositions()
    a!.follow(7)
    await a!.members.beat()
    b!.state.position = 6
    await b!.members.beat()
    c!.state.position = 7
    await c!.members.beat()
    assert.deepEqual(await a!.members.reached(7), { nodes: 3, confirmed: 2, boundMs: 20 })
  })

  test('a node counts once, and only when each of its workers acts on the change', async () => {
    const store = openMemoryStore()
    const workers = ['a/1', 'a/2', 'b/1', 'b/2'].map((id) => memberOf(store, id, 20))
    for (const { members } of workers) await members.join()
    for (const { follow } of workers.slice(0, 3)) follow(7)
    assert.deepEqual(await workers[0]!.members.reached(7), { nodes: 2, confirmed: 1, boundMs: 20 })
    workers[3]!.follow(7)
    assert.deepEqual(await workers[0]!.members.reached(7), { nodes: 2, confirmed: 2, boundMs: 20 })
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

  test('a process whose store may have forgotten it gives a sign of life before it counts as known', async () => {
    const listeners: FeedListener[] = []
    let beats = 0
    const { members, state } = memberOf(
      {
        listen: async (listener) => {
          listeners.push(listener)
          return async () => {}
        },
        announce: async () => {},
        beat: async (sign) => {
          beats += 1
          return [sign]
        },
        leave: async () => {},
      },
      'a/0',
    )
    await members.join()
    listeners[0]!.committed(1)
    assert.equal(await members.isKnownUntil(3500), true)
    assert.equal(beats, 1)
    // What a store tells whose connection was lost: the database may have crashed meanwhile.
    listeners[0]!.committed(null)
    assert.equal(await members.isKnownUntil(3500), true)
    assert.deepEqual([beats, state.commits], [2, 2])
  })

  test('where nobody can say who there is, the whole time is waited', async () => {
    const { store, all } = await three(40)
    for (const { follow } of all) follow(7)
    await store.close()
    const startMs = performance.now()
    await all[0]!.members.reached(7)
    assert.ok(performance.now() - startMs >= 40)
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
