import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DpopNonces } from './dpop-nonces.ts'

const KEY = Buffer.alloc(32, 7)
const WINDOW_MS = 60_000
const START_MS = 1_000 * WINDOW_MS

const nonces = new DpopNonces({ key: KEY, windowMs: WINDOW_MS })

describe('nonces of the server', () => {
  it('are taken in their window and the one after, on every node with the key, and no longer', () => {
    const nonce = nonces.current(START_MS)
    const other = new DpopNonces({ key: KEY, windowMs: WINDOW_MS })
    assert.match(nonce, /^[A-Za-z0-9_-]{22}$/)
    assert.equal(other.current(START_MS + WINDOW_MS - 1), nonce)
    assert.notEqual(nonces.current(START_MS + WINDOW_MS), nonce)
    for (const afterMs of [0, WINDOW_MS - 1, WINDOW_MS, 2 * WINDOW_MS - 1]) {
      assert.ok(other.accepts(nonce, START_MS + afterMs), String(afterMs))
    }
    assert.ok(!other.accepts(nonce, START_MS + 2 * WINDOW_MS))
  })

  it('of a node that is in the next window already are taken, those of later windows are not', () => {
    const next = nonces.current(START_MS + WINDOW_MS)
    assert.ok(nonces.accepts(next, START_MS + WINDOW_MS - 10_000))
    assert.ok(!nonces.accepts(next, START_MS + WINDOW_MS - 10_001))
    assert.ok(!nonces.accepts(nonces.current(START_MS + 2 * WINDOW_MS), START_MS + WINDOW_MS - 1))
  })

  it('of another key, another length of windows, or another spelling are not taken', () => {
    const nonce = nonces.current(START_MS)
    const others = [
      new DpopNonces({ key: Buffer.alloc(32, 8), windowMs: WINDOW_MS }).current(START_MS),
      new DpopNonces({ key: KEY, windowMs: WINDOW_MS * 2 }).current(START_MS),
      '',
      nonce.slice(1),
      `${nonce}=`,
      `${nonce} `,
      nonce.slice(0, -1),
      'x'.repeat(100_000),
      '\ud800',
    ]
    for (const other of others) assert.ok(!nonces.accepts(other, START_MS), other.slice(0, 30))
    // 22 characters hold 132 bits, of which 128 count: no other last character stands for the same bytes.
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const taken = [...last].filter((character) => nonces.accepts(nonce.slice(0, -1) + character, START_MS))
    assert.deepEqual(taken, [nonce.at(-1)])
  })

  it('are refused a key that could be guessed and a window that nobody could keep', () => {
    assert.throws(() => new DpopNonces({ key: Buffer.alloc(31), windowMs: WINDOW_MS }), /fewer than 32/)
    assert.ok(new DpopNonces({ key: KEY, windowMs: 10_000 }))
    for (const windowMs of [0, -1, 9999, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => new DpopNonces({ key: KEY, windowMs }), /window/)
    }
  })
})
