import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { type Config, parseConfig } from '../config.ts'
import { createLog } from '../observe/log.ts'
import { Channel } from './ipc.ts'
import { portLink } from './link.ts'
import type { PrimaryService, WorkerService, WorkerStart } from './protocol.ts'
import { until } from './testing/line.ts'
import { type WorkerProcess, WorkerSet } from './worker-set.ts'

const LISTENING = { listeners: [{ name: 'api', host: '127.0.0.1', port: 1234 }], apis: 3 } as const

/** What a process does once it was forked: the worker's side of the line. */
type Life = (worker: FakeProcess, primary: PrimaryService) => Promise<void>

/** Stands in for a forked process. */
class FakeProcess implements WorkerProcess {
  readonly pid: number
  readonly link
  readonly ended: Promise<string>
  readonly channel: Channel
  start: WorkerStart | null = null
  #end: (how: string) => void
  readonly #cut: () => void

  constructor(pid: number, life: Life) {
    const { port1, port2 } = new MessageChannel()
    this.pid = pid
    this.link = portLink(port1)
    this.channel = new Channel(portLink(port2))
    const { promise, resolve } = Promise.withResolvers<string>()
    this.ended = promise
    this.#end = resolve
    this.#cut = () => port1.close()
    // Its last words may not reach a primary that has cut the line.
    life(this, this.channel.remote<PrimaryService>('primary')).catch(() => {})
  }

  /** It ends by itself, or is ended. */
  die(how: string): void {
    this.#cut()
    this.#end(how)
  }

  release = () => this.die('exit code 0')
  kill = () => this.die('signal SIGKILL')
}

/** Begins, says that it is ready, and stops when it is told to. */
const healthy: Life = async (worker, primary) => {
  const service: Pick<WorkerService, 'stop' | 'ping'> = { stop: async () => {}, ping: async () => {} }
  worker.channel.serve('worker', service)
  worker.start = await primary.begin()
  await primary.ready(LISTENING)
}

function config(): Config {
  const parsed = parseConfig({}, () => '')
  assert.ok(parsed.ok)
  return parsed.config
}

/** A set whose n-th process leads the n-th life, and all later ones the last. */
function setOf(t: TestContext, count: number, lives: readonly Life[]) {
  const processes: FakeProcess[] = []
  const timers = new Set<{ readonly ms: number; readonly callback: () => void }>()
  let nowMs = 0
  const workers = new WorkerSet({
    count,
    fork() {
      const life = lives[Math.min(processes.length, lives.length - 1)]!
      const process = new FakeProcess(1000 + processes.length, life)
      processes.push(process)
      return process
    },
    start: {
      config: config(),
      workspaceId: 'ws_1',
      storeName: 'sqlite' as const,
      node: { nodeId: 'n', node: 'test' },
    },
    serve: () => {},
    log: createLog({ format: 'off', level: 'fatal', isTerminal: false }),
    stopWithinMs: 5000,
    monotonic: () => nowMs,
    after(ms, callback) {
      const timer = { ms, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
  })
  t.after(() => workers.stop())
  const pass = (ms: number) => {
    nowMs += ms
  }
  /** Lets the one timer that there is go off. */
  const goOff = async () => {
    await until(() => timers.size === 1)
    const [timer] = timers
    timers.delete(timer!)
    timer!.callback()
    return timer!.ms
  }
  return { workers, processes, timers, pass, goOff }
}

test('each worker is given its number and what was read once, and all are ready when the start is over', async (t) => {
  const { workers, processes } = setOf(t, 3, [healthy])
  assert.deepEqual(await workers.start(), LISTENING)
  assert.deepEqual(
    processes.map(({ start }) => start?.number),
    [1, 2, 3],
  )
  assert.deepEqual(processes[1]?.start, {
    config: config(),
    workspaceId: 'ws_1',
    storeName: 'sqlite' as const,
    node: { nodeId: 'n', node: 'test' },
    number: 2,
  })
  assert.deepEqual(
    workers.ready().map(({ number }) => number),
    [1, 2, 3],
  )
})

test('when one cannot start, the start fails with its problem and none is left', async (t) => {
  const failing: Life = (_worker, primary) => primary.failed('the port is in use')
  const { workers, processes } = setOf(t, 2, [healthy, failing])
  await assert.rejects(workers.start(), { message: 'the port is in use' })
  assert.deepEqual(await Promise.all(processes.map(({ ended }) => ended)), [
    'signal SIGKILL',
    'signal SIGKILL',
  ])
  assert.deepEqual(workers.ready(), [])
})

test('when one ends before it is ready, the start fails and says how it ended', async (t) => {
  const dying: Life = async (worker) => worker.die('exit code 9')
  const { workers } = setOf(t, 2, [healthy, dying])
  await assert.rejects(workers.start(), /worker 2 ended before it answered: exit code 9/)
})

test('a worker that ends is replaced under its number, and the others go on', async (t) => {
  const { workers, processes, pass, goOff } = setOf(t, 2, [healthy])
  await workers.start()
  pass(60_000)
  processes[1]?.die('signal SIGKILL')
  await until(() => workers.ready().length === 1)
  assert.equal(workers.ready()[0]?.number, 1)
  assert.equal(await goOff(), 100)
  await until(() => workers.ready().length === 2)
  assert.deepEqual(
    processes.map(({ start }) => start?.number),
    [1, 2, 2],
  )
})

test('workers that end as soon as they start, one and all, end the attempts', async (t) => {
  const dying: Life = async (worker) => worker.die('exit code 7')
  const { workers, processes, goOff } = setOf(t, 1, [healthy, dying])
  await workers.start()
  processes[0]?.die('exit code 7')
  const delays: number[] = []
  while (delays.length < 4) delays.push(await goOff())
  assert.deepEqual(delays, [100, 200, 400, 800])
  assert.match(await workers.failed, /end as soon as they start.*exit code 7/)
  assert.equal(processes.length, 5)
})

test('stopping waits for each worker to finish, and replaces none', async (t) => {
  const stopped: number[] = []
  const gate = Promise.withResolvers<void>()
  const slow: Life = async (worker, primary) => {
    worker.channel.serve('worker', {
      async stop() {
        await gate.promise
        stopped.push(worker.pid)
      },
    })
    await primary.begin()
    await primary.ready(LISTENING)
  }
  const { workers, processes } = setOf(t, 2, [slow])
  await workers.start()
  const stop = workers.stop()
  gate.resolve()
  await stop
  assert.deepEqual(stopped.toSorted(), [1000, 1001])
  assert.deepEqual(await Promise.all(processes.map(({ ended }) => ended)), ['exit code 0', 'exit code 0'])
  assert.equal(processes.length, 2)
})

test('a worker that does not stop in its time is killed', async (t) => {
  const stuck: Life = async (worker, primary) => {
    worker.channel.serve('worker', { stop: () => new Promise(() => {}) })
    await primary.begin()
    await primary.ready(LISTENING)
  }
  const { workers, processes, goOff } = setOf(t, 1, [stuck])
  await workers.start()
  const stopped = workers.stop()
  assert.equal(await goOff(), 5000)
  await stopped
  assert.equal(await processes[0]?.ended, 'signal SIGKILL')
})

test('a worker that waits to be replaced when all stop is not', async (t) => {
  const { workers, processes, timers } = setOf(t, 2, [healthy])
  await workers.start()
  processes[0]?.die('signal SIGSEGV')
  await until(() => timers.size === 1)
  await workers.stop()
  assert.equal(timers.size, 0)
  assert.equal(processes.length, 2)
})
