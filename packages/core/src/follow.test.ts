import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CachedLookup } from './cached-lookup.ts'
import { type FollowedChange, Follower } from './follow.ts'
import { aRole } from './testing/records.ts'

const START = { position: 0, hash: 'start' }

function setUp(leaseMs = 1000) {
  const time = { monotonic: 0, wall: 1_000_000 }
  let changes: FollowedChange[] = []
  /** The hash at each position, of the history that the store is in. */
  const hashes = ['start']
  let history = 'first'
  const feed = {
    broken: false,
    /** Called while a poll is under way, after it was sent. */
    during: () => {},
    changesSince: async (position: number, limit: number) => {
      feed.during()
      if (feed.broken) throw new Error('link down')
      return {
        ...{ head: hashes.length - 1, headHash: hashes.at(-1)!, hash: hashes[position] ?? null },
        changes: changes.filter((change) => change.position > position).slice(0, limit),
      }
    },
  }
  /** A change is committed at the next position. */
  const change = (id = 'r') => {
    const hash = `${history} ${hashes.length}`
    changes.push({ position: hashes.length, hash, touched: [{ table: 'role', id }] })
    hashes.push(hash)
  }
  const forgetAll = () => {
    changes = []
  }
  /** The store is as it was at a position, by a restore or a failover, and goes on another way from there. */
  const goBackTo = (position: number) => {
    history = 'second'
    hashes.length = position + 1
    changes = changes.filter((one) => one.position <= position)
  }
  const faults: unknown[] = []
  const touched: string[] = []
  const moved: number[] = []
  const known = { untilMs: Number.POSITIVE_INFINITY }
  let missed = 0
  const follower: Follower = new Follower(START, {
    feed,
    lookup: () => lookup,
    onTouched: (table, id) => {
      touched.push(`${table}/${id}`)
    },
    onMissed: () => {
      missed += 1
    },
    isKnownUntil: (untilMs) => untilMs <= known.untilMs,
    onMoved: (position) => moved.push(position),
    onFault: (error) => faults.push(error),
    leaseMs,
    monotonic: () => time.monotonic,
    wall: () => time.wall,
  })
  const lookup = new CachedLookup({ read: async () => aRole() as never }, follower, {
    maxEntries: 100,
    maxBytes: 1e9,
  })
  const pass = (ms: number) => {
    time.monotonic += ms
    time.wall += ms
  }
  const count = () => missed
  return {
    ...{ time, known, change, forgetAll, goBackTo, feed, faults, touched, moved, missed: count },
    ...{ follower, lookup, pass },
  }
}

describe('the follower', () => {
  it('holds no lease before the feed was ever asked', () => {
    assert.equal(setUp().follower.holds(), false)
  })

  it('drops from the cache what changed, and only that', async () => {
    const { follower, lookup, change } = setUp()
    await follower.poll()
    await lookup.get('role', 'r')
    await lookup.get('role', 'other')
    change()
    await follower.poll()
    assert.equal(lookup.peek('role', 'r'), undefined)
    assert.ok(lookup.peek('role', 'other'))
    assert.equal(follower.position, 1)
  })

  it('reads on until it has caught up', async () => {
    const { follower, change, touched, moved } = setUp()
    for (let position = 1; position <= 1234; position++) change(`r${position}`)
    await follower.poll()
    assert.equal(follower.position, 1234)
    assert.deepEqual(moved, [1234])
    assert.equal(new Set(touched).size, 1234)
  })

  it('drops everything where it was away for longer than changes are kept', async () => {
    for (const kept of [0, 3]) {
      const { follower, lookup, change, forgetAll, missed, moved } = setUp()
      change()
      await follower.poll()
      await lookup.get('role', 'other')
      for (let i = 0; i < 5; i++) change()
      forgetAll()
      for (let i = 0; i < kept; i++) change()
      await follower.poll()
      assert.equal(lookup.size, 0)
      assert.equal(missed(), 1)
      assert.deepEqual(moved, [1, 6 + kept])
      change()
      await follower.poll()
      assert.equal(missed(), 1, 'from there on it follows as before')
    }
  })

  it('drops everything where the store went back, as after a restore', async () => {
    const { follower, lookup, change, goBackTo, missed } = setUp()
    for (let i = 0; i < 5; i++) change()
    await follower.poll()
    await lookup.get('role', 'other')
    goBackTo(3)
    await follower.poll()
    assert.equal(lookup.size, 0)
    assert.deepEqual([follower.position, missed()], [3, 1])
    assert.ok(follower.holds())
  })

  it('drops everything where the store went back and has used the lost positions anew since, however far', async () => {
    for (const since of [1, 2, 5, 1200]) {
      const { follower, lookup, change, goBackTo, missed, moved, touched } = setUp()
      for (let i = 0; i < 5; i++) change()
      await follower.poll()
      await lookup.get('role', 'other')
      goBackTo(3)
      for (let i = 0; i < since; i++) change('another')
      await follower.poll()
      assert.equal(lookup.size, 0, `after ${since}`)
      assert.deepEqual([follower.position, missed()], [3 + since, 1])
      assert.deepEqual(moved, [5, 3 + since], 'the others are told, also where the position is as before')
      change('later')
      await follower.poll()
      assert.deepEqual([missed(), touched.at(-1)], [1, 'role/later'], 'from there on it follows as before')
    }
  })

  it('notices a history that is another between two pages of one poll, too', async () => {
    const { follower, feed, change, goBackTo, missed } = setUp()
    for (let i = 0; i < 700; i++) change()
    let asked = 0
    feed.during = () => {
      asked += 1
      if (asked !== 2) return
      goBackTo(450)
      for (let i = 0; i < 400; i++) change()
    }
    await follower.poll()
    assert.deepEqual([asked, missed(), follower.position], [2, 1, 850])
  })

  it('is not confirmed by a poll that could not make good what was missed', async () => {
    const time = { ms: 0 }
    let works = false
    const follower = new Follower(START, {
      feed: { changesSince: async () => ({ head: 9, headHash: 'h', hash: 'start', changes: [] }) },
      lookup: () =>
        new CachedLookup({ read: async () => undefined }, follower, { maxEntries: 10, maxBytes: 1e6 }),
      onTouched: () => {},
      onMissed: () => {
        if (!works) throw new Error('the store is gone')
      },
      onMoved: () => {},
      isKnownUntil: () => true,
      onFault: () => {},
      leaseMs: 1000,
      monotonic: () => time.ms,
      wall: () => time.ms,
    })
    await follower.poll()
    assert.deepEqual([follower.holds(), follower.position], [false, 0])
    works = true
    await follower.poll()
    assert.deepEqual([follower.holds(), follower.position], [true, 9])
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

  it('holds no lease that lasts longer than others know of this node', async () => {
    const { follower, known, faults, pass, change, moved } = setUp(1000)
    known.untilMs = 1000
    await follower.poll()
    assert.ok(follower.holds())
    pass(1)
    change()
    await follower.poll()
    assert.deepEqual([moved, follower.position], [[1], 1], 'what changed is followed all the same')
    pass(1000)
    assert.equal(follower.holds(), false)
    known.untilMs = 9000
    await follower.poll()
    assert.ok(follower.holds())
    assert.deepEqual(
      faults.map((fault) => fault === null),
      [true, false, true],
    )
  })

  it('asks whether others know of it before it reads the feed, so that no change falls in between', async () => {
    const { follower, feed, known } = setUp(1000)
    known.untilMs = 0
    // Becomes known while the page is read: a change that was committed before has not waited for this node.
    feed.during = () => {
      known.untilMs = Number.POSITIVE_INFINITY
    }
    await follower.poll()
    assert.equal(follower.holds(), false)
    await follower.poll()
    assert.ok(follower.holds())
  })

  it('says how long the lease has been over, by whichever clock says more', async () => {
    const { follower, time, pass } = setUp(1000)
    assert.equal(follower.overdueMs(), Number.POSITIVE_INFINITY)
    await follower.poll()
    pass(1000)
    assert.equal(follower.overdueMs(), 0)
    pass(250)
    assert.equal(follower.overdueMs(), 250)
    time.wall -= 300_000
    assert.ok(follower.overdueMs() > 200_000)
  })

  it('ends the lease when its own write cannot be followed', async () => {
    const { follower, feed } = setUp()
    await follower.poll()
    feed.broken = true
    await follower.reach(1)
    assert.equal(follower.holds(), false)
  })

  it('gives a caller during a poll one that was sent afterwards, so that its own write is seen', async () => {
    const { follower, change } = setUp()
    const first = follower.poll()
    change()
    change()
    await Promise.all([first, follower.reach(2)])
    assert.equal(follower.position, 2)
  })
})
