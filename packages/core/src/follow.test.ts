import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CachedLookup } from './cached-lookup.ts'
import { type FeedReader, Follower } from './follow.ts'
import { aRole } from './testing/records.ts'

type Change = Awaited<ReturnType<FeedReader['changesSince']>>[number]

function setUp(leaseMs = 1000) {
  const time = { monotonic: 0, wall: 1_000_000 }
  const changes: Change[] = []
  const feed = {
    broken: false,
    /** Called while a poll is under way, after it was sent. */
    during: () => {},
    changesSince: async (position: number, limit: number) => {
      feed.during()
      if (feed.broken) throw new Error('link down')
      return changes.filter((change) => change.position > position).slice(0, limit)
    },
  }
  const faults: unknown[] = []
  const touched: string[] = []
  const follower: Follower = new Follower(0, {
    feed,
    lookup: () => lookup,
    onTouched: (table, id) => {
      touched.push(`${table}/${id}`)
    },
    onFault: (error) => faults.push(error),
    leaseMs,
    monotonic: () => time.monotonic,
    wall: () => time.wall,
  })
  const lookup = new CachedLookup({ read: async () => aRole() as never }, follower, 100)
  const pass = (ms: number) => {
    time.monotonic += ms
    time.wall += ms
  }
  return { time, changes, feed, faults, touched, follower, lookup, pass }
}

const changeOf = (position: number, id = 'r'): Change => ({ position, touched: [{ table: 'role', id }] })

describe('the follower', () => {
  it('holds no lease before the feed was ever asked', () => {
    assert.equal(setUp().follower.holds(), false)
  })

  it('drops from the cache what changed, and only that', async () => {
    const { follower, lookup, changes } = setUp()
    await follower.poll()
    await lookup.get('role', 'r')
    await lookup.get('role', 'other')
    changes.push(changeOf(1))
    await follower.poll()
    assert.equal(lookup.peek('role', 'r'), undefined)
    assert.ok(lookup.peek('role', 'other'))
    assert.equal(follower.position, 1)
  })

  it('reads on until it has caught up', async () => {
    const { follower, changes, touched } = setUp()
    for (let position = 1; position <= 1234; position++) changes.push(changeOf(position, `r${position}`))
    await follower.poll()
    assert.equal(follower.position, 1234)
    assert.equal(new Set(touched).size, 1234)
  })

  it('counts the lease from when the poll was sent, not from when it was answered', async () => {
    const { follower, feed, pass } = setUp(1000)
    feed.during = () => pass(900)
    await follower.poll()
    assert.ok(follower.holds())
    pass(101)
    assert.equal(follower.holds(), false)
  })

  it('ends the lease when either clock says so, also when the wall clock jumps back', async () => {
    const { follower, time } = setUp(1000)
    await follower.poll()
    time.wall += 1001
    assert.equal(follower.holds(), false, 'wall clock ahead')
    await follower.poll()
    time.monotonic += 1001
    assert.equal(follower.holds(), false, 'monotonic clock')
    await follower.poll()
    time.wall -= 300_000
    assert.equal(follower.holds(), false, 'wall clock back')
  })

  it('does not prolong the lease by a poll that failed, and says so once it works again', async () => {
    const { follower, feed, faults, pass } = setUp(1000)
    await follower.poll()
    feed.broken = true
    pass(600)
    await follower.poll()
    pass(600)
    assert.equal(follower.holds(), false)
    feed.broken = false
    await follower.poll()
    assert.ok(follower.holds())
    assert.deepEqual(
      faults.map((fault) => fault === null),
      [true, false, true],
    )
  })

  it('ends the lease when its own write cannot be followed', async () => {
    const { follower, feed } = setUp()
    await follower.poll()
    feed.broken = true
    await follower.reach(1)
    assert.equal(follower.holds(), false)
  })

  it('gives a caller during a poll one that was sent afterwards, so that its own write is seen', async () => {
    const { follower, changes } = setUp()
    const first = follower.poll()
    changes.push(changeOf(1), changeOf(2))
    await Promise.all([first, follower.reach(2)])
    assert.equal(follower.position, 2)
  })
})
