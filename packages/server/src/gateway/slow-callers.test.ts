import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { SlowCallers } from './slow-callers.ts'

/** A connection whose counters the test moves. */
class FakeSocket extends EventEmitter {
  bytesRead = 0
  bytesWritten = 0
  writableLength = 0
  destroyed = false
  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }
}

function startWatch(windowBytes: number) {
  let nowMs = 0
  const cut: string[] = []
  const slowCallers = new SlowCallers({
    windowMs: 1000,
    windowBytes,
    checkEveryMs: 100,
    monotonic: () => nowMs,
    onCut: (_socket, what) => cut.push(what),
  })
  const socket = new FakeSocket()
  slowCallers.watch(socket as unknown as Socket)
  return {
    slowCallers,
    socket,
    cut,
    expectBody(state: { complete: boolean; paused: boolean }) {
      slowCallers.expectBody({
        socket,
        get complete() {
          return state.complete
        },
        isPaused: () => state.paused,
      } as unknown as IncomingMessage)
    },
    /** The process does not run for so long. */
    standStill(ms: number) {
      nowMs += ms
    },
    /** So many steps of 100 ms, and what happens in each before the look. */
    pass(steps: number, step: () => void = () => {}) {
      for (let i = 0; i < steps && !socket.destroyed; i += 1) {
        nowMs += 100
        step()
        slowCallers.check()
      }
    },
  }
}

test('a connection on which nobody waits for the caller is left alone, however long', () => {
  const { socket, pass } = startWatch(100)
  pass(1000)
  assert.equal(socket.destroyed, false)
})

test('an answer of which too little is taken is cut off; one that moves is not, however long it takes', () => {
  for (const [perStep, isCut] of [
    [0, true],
    [9, true],
    [10, false],
  ] as const) {
    const { socket, cut, pass } = startWatch(100)
    Object.assign(socket, { bytesWritten: 5000, writableLength: 5000 })
    pass(100, () => {
      socket.bytesWritten += perStep
    })
    assert.deepEqual(cut, isCut ? ['answer'] : [], `${perStep} bytes each 100 ms`)
    assert.equal(socket.destroyed, isCut)
  }
})

test('time in which everything was taken starts the wait anew', () => {
  const { socket, pass } = startWatch(100)
  for (let i = 0; i < 10; i += 1) {
    Object.assign(socket, { bytesWritten: socket.bytesWritten + 50, writableLength: 50 })
    pass(9)
    socket.writableLength = 0
    pass(1)
  }
  assert.equal(socket.destroyed, false)
})

test('a body that comes too slowly is cut off, one that an upstream holds back or that has ended is not', () => {
  for (const [perStep, state, isCut] of [
    [9, { complete: false, paused: false }, true],
    [10, { complete: false, paused: false }, false],
    [0, { complete: false, paused: true }, false],
    [0, { complete: true, paused: false }, false],
  ] as const) {
    const { socket, cut, pass, expectBody } = startWatch(100)
    expectBody(state)
    pass(100, () => {
      socket.bytesRead += perStep
    })
    assert.deepEqual(cut, isCut ? ['body'] : [], `${perStep} bytes each 100 ms, ${JSON.stringify(state)}`)
  }
})

test("time in which the process stood still is nobody's slowness, and excuses nothing that came before or after", () => {
  const { socket, pass, standStill } = startWatch(100)
  Object.assign(socket, { bytesWritten: 5000, writableLength: 5000 })
  pass(6)
  standStill(60_000)
  pass(4)
  assert.equal(socket.destroyed, false)
  pass(2)
  assert.equal(socket.destroyed, true)
})
