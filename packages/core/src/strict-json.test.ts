import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseStrictJson } from './strict-json.ts'
import { checkProperty } from './testing/rounds.ts'

const problemOf = (input: string | Uint8Array) => {
  const parsed = parseStrictJson(input)
  return parsed.ok ? null : parsed.problem
}

describe('strict JSON', () => {
  it('reads what JSON.parse reads', () => {
    checkProperty(
      'round trip',
      500,
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value)
        if (text.includes('"__proto__":')) return
        assert.deepEqual(parseStrictJson(text), { ok: true, value: JSON.parse(text) })
        assert.deepEqual(parseStrictJson(Buffer.from(text)), { ok: true, value: JSON.parse(text) })
      }),
    )
  })

  it('refuses a member named twice, at any depth and however it is escaped', () => {
    assert.match(problemOf('{"a":1,"a":1}') ?? '', /named twice: "a"/)
    assert.match(problemOf('[{"b":{"a":1,"x":[],"\\u0061":2}}]') ?? '', /named twice: "a"/)
    assert.equal(problemOf('{"a":{"a":["a","a",{"a":"a"}]},"b":"a"}'), null)
  })

  it('refuses __proto__ as a name, not as a value', () => {
    assert.match(problemOf('{"__proto__":{}}') ?? '', /reserved/)
    assert.match(problemOf('{"\\u005f_proto__":{}}') ?? '', /reserved/)
    assert.equal(problemOf('{"a":"__proto__"}'), null)
  })

  it('refuses invalid UTF-8, a byte order mark, and what is no JSON', () => {
    assert.equal(problemOf(Uint8Array.of(0x22, 0xff, 0x22)), 'not valid UTF-8')
    assert.match(problemOf(Buffer.from('\ufeff{}')) ?? '', /not JSON/)
    for (const text of ['', '{', "{'a':1}", '[1,]', 'NaN', '01', '{"a":1}}', '"\u0000"']) {
      assert.match(problemOf(text) ?? '', /not JSON/, text)
    }
  })

  it('does not repeat what it could not read: it may hold a secret', () => {
    assert.doesNotMatch(problemOf('{"password": hunter2}') ?? '', /hunter2/)
  })

  it('refuses depth before it costs a stack', () => {
    assert.equal(problemOf('['.repeat(32) + ']'.repeat(32)), null)
    assert.match(problemOf('['.repeat(33) + ']'.repeat(33)) ?? '', /deeper than 32/)
    assert.match(problemOf('['.repeat(1_000_000)) ?? '', /deeper than 32/)
    assert.equal(problemOf(JSON.stringify({ a: '['.repeat(100) })), null)
  })
})
