import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { checkAsyncProperty, refutesAsync } from './testing/rounds.ts'
import { hashesAtOnce, WorkPool, type WorkPoolOptions } from './work-pool.ts'

/** Work that ends when it is told to. */
class Bench {
  readonly started: string[] = []
  readonly #ends = new Map<string, { resolve: (value: string) => void; reject: (error: Error) => void }>()
  mostAtOnce = 0

  work(name: string): () => Promise<string> {
    return () => {
      this.started.push(name)
      return new Promise((resolve, reject) => {
        this.#ends.set(name, { resolve, reject })
        this.mostAtOnce = Math.max(this.mostAtOnce, this.#ends.size)
      })
    }
  }

  get running(): string[] {
    return [...this.#ends.keys()]
  }

  async end(name: string, error?: Error): Promise<void> {
    const { resolve, reject } = this.#ends.get(name)!
    this.#ends.delete(name)
    if (error === undefined) resolve(name)
    else reject(error)
    await new Promise((turn) => setImmediate(turn))
  }
}

describe('the pool of slow work', () => {
  test('does so much at once, keeps so much waiting, and refuses the rest at once', async () => {
    const pool = new WorkPool<string>({ atOnce: 2, waiting: 1 })
    const bench = new Bench()
    const given = ['a', 'b', 'c', 'd'].map((name) => pool.run(name, false, bench.work(name)))
    assert.deepEqual(bench.started, ['a', 'b'])
    assert.equal(given[3], 'busy')
    await bench.end('a')
    assert.deepEqual(bench.started, ['a', 'b', 'c'])
    assert.equal(await given[0], 'a')
    const late = pool.run('e', false, bench.work('e'))
    for (const name of ['b', 'c', 'e']) await bench.end(name)
    assert.deepEqual([await given[1], await given[2], await late], ['b', 'c', 'e'])
  })

  test('takes the known before strangers, who cannot fill the queue of the known', async () => {
    const pool = new WorkPool<string>({ atOnce: 1, waiting: 2 })
    const bench = new Bench()
    for (const name of ['s1', 's2', 's3']) assert.notEqual(pool.run(name, false, bench.work(name)), 'busy')
    assert.equal(pool.run('s4', false, bench.work('s4')), 'busy')
    const known = pool.run('known', true, bench.work('known'))
    assert.notEqual(known, 'busy')
    await bench.end('s1')
    assert.deepEqual(bench.started, ['s1', 'known'])
    await bench.end('known')
    assert.equal(await known, 'known')
    await bench.end('s2')
    await bench.end('s3')
  })

  test('does the same only once, for all who ask while it is waiting or under way', async () => {
    const pool = new WorkPool<string>({ atOnce: 1, waiting: 1 })
    const bench = new Bench()
    const first = pool.run('a', false, bench.work('a'))
    const waiting = pool.run('b', false, bench.work('b'))
    assert.equal(pool.run('a', false, bench.work('a')), first)
    assert.equal(pool.run('b', true, bench.work('b')), waiting)
    assert.equal(pool.underWay('b'), waiting)
    await bench.end('a')
    await bench.end('b')
    assert.deepEqual(bench.started, ['a', 'b'])
    assert.equal(pool.underWay('a'), undefined)
    const again = pool.run('a', false, bench.work('a'))
    assert.notEqual(again, first)
    await bench.end('a')
    assert.equal(await again, 'a')
  })

  test('goes on after work that fails, later or at once', async () => {
    const pool = new WorkPool<string>({ atOnce: 1, waiting: 3 })
    const bench = new Bench()
    const failing = pool.run('a', false, bench.work('a'))
    const throwing = pool.run('b', false, () => {
      throw new Error('at once')
    })
    const next = pool.run('c', false, bench.work('c'))
    const outcomes = Promise.allSettled([failing, throwing, next])
    await bench.end('a', new Error('later'))
    await bench.end('c')
    assert.deepEqual(
      (await outcomes).map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason))),
      ['Error: later', 'Error: at once', 'c'],
    )
  })

  const bounded = (make: (options: WorkPoolOptions) => WorkPool<string>) =>
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 5 }),
      fc.array(fc.oneof(fc.constant('end' as const), fc.boolean()), { maxLength: 60 }),
      async (atOnce, waiting, steps) => {
        const pool = make({ atOnce, waiting })
        const bench = new Bench()
        const taken: Promise<string>[] = []
        for (const [index, step] of steps.entries()) {
          if (step === 'end') {
            if (bench.running.length > 0) await bench.end(bench.running[0]!)
          } else {
            const outcome = pool.run(`${index}`, step, bench.work(`${index}`))
            if (outcome !== 'busy') taken.push(outcome)
          }
          assert.ok(taken.length - bench.started.length <= 2 * waiting, 'no more wait than may')
        }
        while (bench.running.length > 0) await bench.end(bench.running[0]!)
        assert.ok(bench.mostAtOnce <= atOnce, 'no more run at once than may')
        assert.equal((await Promise.all(taken)).length, bench.started.length, 'what was taken is done')
      },
    )

  test('never runs or keeps more than it may, and does all that it took', async () => {
    await checkAsyncProperty(
      'WorkPool',
      300,
      bounded((options) => new WorkPool(options)),
    )
    const generous = (options: WorkPoolOptions) => new WorkPool<string>({ ...options, atOnce: 5 })
    assert.ok(await refutesAsync(300, bounded(generous)), 'one that runs more is seen to be wrong')
    const unbounded = (options: WorkPoolOptions) => new WorkPool<string>({ ...options, waiting: 1000 })
    assert.ok(await refutesAsync(300, bounded(unbounded)), 'one that keeps more is seen to be wrong')
  })
})

describe('how many hashes a process computes at once', () => {
  test('leaves a core and a thread free, and is one at least', () => {
    assert.deepEqual([1, 2, 3, 4, 8, 64].map(hashesAtOnce), [1, 1, 2, 3, 3, 3])
  })
})
