import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import { StoreFault } from '../store/port.ts'
import { Channel } from './ipc.ts'
import { type Link, portLink } from './link.ts'

interface Adder {
  add(a: number, b: number): Promise<number>
}

interface Echo {
  echo(value: unknown): Promise<unknown>
}

interface Gate {
  pass(): Promise<string>
}

/** Both ends of a line, closed after the test; what crossed is counted. */
function channels(t: TestContext, maxInFlight?: number) {
  const { port1, port2 } = new MessageChannel()
  const sent: unknown[] = []
  const [near, far] = [portLink(port1), portLink(port2)]
  const counted: Link = {
    ...near,
    send(message) {
      sent.push(message)
      near.send(message)
    },
  }
  const close = () => port1.close()
  t.after(close)
  return { here: new Channel(counted, maxInFlight), there: new Channel(far, maxInFlight), sent, close }
}

test('both ends call each other, and each call gets its own answer', async (t) => {
  const { here, there } = channels(t)
  there.serve('adder', { add: async (a: number, b: number) => a + b })
  here.serve('adder', { add: async (a: number, b: number) => a - b })
  const [far, near] = [here.remote<Adder>('adder'), there.remote<Adder>('adder')]
  const sums = Array.from({ length: 100 }, (_, i) => far.add(i, 1))
  const differences = Array.from({ length: 100 }, (_, i) => near.add(i, 1))
  assert.deepEqual(
    await Promise.all(sums),
    Array.from({ length: 100 }, (_, i) => i + 1),
  )
  assert.deepEqual(
    await Promise.all(differences),
    Array.from({ length: 100 }, (_, i) => i - 1),
  )
})

test('a slow answer holds up no other', async (t) => {
  const { here, there } = channels(t)
  const gate = Promise.withResolvers<string>()
  there.serve('gate', { pass: () => gate.promise })
  there.serve('adder', { add: async (a: number, b: number) => a + b })
  const slow = here.remote<Gate>('gate').pass()
  assert.equal(await here.remote<Adder>('adder').add(1, 2), 3)
  gate.resolve('open')
  assert.equal(await slow, 'open')
})

test('a method belongs to its service, so that an object with state can be served', async (t) => {
  const { here, there } = channels(t)
  class Counter {
    #count = 0
    async next() {
      return ++this.#count
    }
  }
  there.serve('counter', new Counter())
  const counter = here.remote<Counter>('counter')
  assert.deepEqual([await counter.next(), await counter.next()], [1, 2])
})

test('values cross as they are: bytes, maps, undefined, texts that are no Unicode', async (t) => {
  const { here, there } = channels(t)
  there.serve('echo', { echo: async (value: unknown) => value })
  const { echo } = here.remote<Echo>('echo')
  const value = {
    bytes: new Uint8Array([1, 2]),
    map: new Map([['k', [1]]]),
    text: 'lone \ud800',
    no: undefined,
  }
  assert.deepEqual(await echo(value), value)
  assert.equal(await echo(undefined), undefined)
  assert.equal(await echo(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY)
})

test('what fails over there is a StoreFault here, with its message and nothing else', async (t) => {
  const { here, there } = channels(t)
  there.serve('gate', {
    pass: async () => {
      throw Object.assign(new TypeError('the disk is full'), { statement: 'INSERT', secret: 'x' })
    },
  })
  const error = await here
    .remote<Gate>('gate')
    .pass()
    .catch((thrown: Error) => thrown)
  assert.ok(error instanceof StoreFault)
  assert.equal(error.message, 'the disk is full')
  assert.equal('secret' in error, false)
  await assert.rejects(here.remote<Gate>('nothing').pass(), { name: 'StoreFault', message: /no nothing/ })
  await assert.rejects(here.remote<Adder>('gate').add(1, 2), StoreFault)
})

test('what cannot be copied fails alone, as a call and as an answer, and what crosses with it arrives', async (t) => {
  const { here, there } = channels(t)
  there.serve('echo', { echo: async (value: unknown) => (value === 'function' ? () => {} : value) })
  const { echo } = here.remote<Echo>('echo')
  const outcomes = await Promise.allSettled([echo(1), echo(() => {}), echo('function'), echo(2)])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof StoreFault)
  }
})

test('what is said in one turn crosses as one message, each way', async (t) => {
  const { here, there, sent } = channels(t)
  there.serve('adder', { add: async (a: number, b: number) => a + b })
  const { add } = here.remote<Adder>('adder')
  await Promise.all(Array.from({ length: 50 }, (_, i) => add(i, i)))
  assert.equal(sent.length, 1)
  await add(1, 1)
  assert.equal(sent.length, 2)
})

test('more calls than may be under way are refused as busy, and the others are answered', async (t) => {
  const { here, there } = channels(t, 3)
  const gate = Promise.withResolvers<string>()
  there.serve('gate', { pass: () => gate.promise })
  const { pass } = here.remote<Gate>('gate')
  const waiting = [pass(), pass(), pass()]
  await assert.rejects(pass(), { name: 'StoreFault', message: /busy: 3 calls/ })
  gate.resolve('open')
  assert.deepEqual(await Promise.all(waiting), ['open', 'open', 'open'])
  assert.equal(await pass(), 'open')
})

test('when the line ends, what is under way fails and nothing begins any more', async (t) => {
  const { here, there, close } = channels(t)
  there.serve('gate', { pass: () => new Promise(() => {}) })
  const { pass } = here.remote<Gate>('gate')
  const underWay = pass()
  await turn()
  close()
  await assert.rejects(underWay, { name: 'StoreFault', message: /ended/ })
  await Promise.all([here.ended, there.ended])
  await assert.rejects(pass(), { name: 'StoreFault', message: /is gone/ })
})

test('a remote service is a value like any other: awaiting it calls nothing', async (t) => {
  const { here, sent } = channels(t)
  const adder = await here.remote<Adder>('adder')
  assert.equal(typeof adder.add, 'function')
  await turn()
  assert.deepEqual(sent, [])
})
