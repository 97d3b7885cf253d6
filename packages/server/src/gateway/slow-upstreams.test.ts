import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Awaited, type Pending, SlowUpstreams } from './slow-upstreams.ts'

const CHECK_MS = 500

class FakePending implements Pending {
  movedAtLook = 0
  place: number | null = null
  givenUp = 0
  awaits: Awaited = 'head'
  readonly #watch: SlowUpstreams

  constructor(watch: SlowUpstreams) {
    this.#watch = watch
    watch.watch(this)
  }

  awaited(): Awaited {
    return this.awaits
  }

  giveUp(): void {
    this.givenUp += 1
    this.#watch.leave(this)
  }
}

function startWatch() {
  const watch = new SlowUpstreams({ headMs: 1000, bodyMs: 2000, checkEveryMs: CHECK_MS })
  return {
    watch,
    pass(looks: number, before: () => void = () => {}) {
      for (let i = 0; i < looks; i += 1) {
        before()
        watch.check()
      }
    },
  }
}

test('an upstream has its full time for a head, whenever between two looks it was asked, and one look more', () => {
  const { watch, pass } = startWatch()
  pass(3)
  const pending = new FakePending(watch)
  // Asked just before a look, it had 500 ms by the second.
  pass(2)
  assert.equal(pending.givenUp, 0)
  pass(1)
  assert.equal(pending.givenUp, 1)
  pass(10)
  assert.equal(pending.givenUp, 1)
})

test('an answer that has begun may be silent for longer, and each piece gives it all that time anew', () => {
  const { watch, pass } = startWatch()
  const pending = new FakePending(watch)
  pending.awaits = 'body'
  // The last piece comes just before the last of these looks.
  pass(40, () => watch.moved(pending))
  pass(3)
  assert.equal(pending.givenUp, 0)
  pass(1)
  assert.equal(pending.givenUp, 1)
})

test('time in which it is somebody else’s turn is not the upstream’s', () => {
  const { watch, pass } = startWatch()
  const pending = new FakePending(watch)
  pass(1)
  pending.awaits = null
  pass(100)
  pending.awaits = 'head'
  pass(2)
  assert.equal(pending.givenUp, 0)
  pass(1)
  assert.equal(pending.givenUp, 1)
})

test('whoever left is not given up, and all the others are, each once, in whatever order they come and go', () => {
  const { watch, pass } = startWatch()
  const all = Array.from({ length: 100 }, () => new FakePending(watch))
  // The first, the last, every third; some of them twice.
  const left = all.filter((_, i) => i % 3 === 0 || i === 98)
  for (const pending of [...left, ...left.slice(0, 5)]) watch.leave(pending)
  const late = Array.from({ length: 20 }, () => new FakePending(watch))
  pass(2, () => {
    for (const pending of late) watch.moved(pending)
  })
  pass(1)
  for (const pending of all) assert.equal(pending.givenUp, left.includes(pending) ? 0 : 1)
  assert.ok(late.every(({ givenUp, place }) => givenUp === 0 && place !== null))
  assert.deepEqual(
    late.map(({ place }) => place).toSorted((a, b) => a! - b!),
    late.map((_, i) => i),
  )
  pass(2)
  assert.ok(late.every(({ givenUp }) => givenUp === 1))
})
