import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redactSecrets } from './redact.ts'

const ID = '5Hd8kQ2mZx1a'
const REST = 'Zb3'.repeat(12)
const KEY = `crd_live_${ID}${REST}`

test('of a key only prefix and public id are left, wherever it stands', () => {
  for (const [before, after] of [
    ['', ''],
    ['x=', '&y=1'],
    ['"', '"'],
    ['/v1/', '/rotate'],
    ['\\n', '\\n'],
    ['%20', '%20'],
  ]) {
    const redacted = redactSecrets(`${before}${KEY}${after}`)
    assert.equal(redacted, `${before}crd_live_${ID}[redacted]${after}`)
  }
})

test('a key that was cut, lengthened or mistyped is as secret as a whole one', () => {
  for (const rest of [REST.slice(0, 8), REST.slice(0, 31), `${REST}extra`]) {
    assert.equal(redactSecrets(`key ${`a_${ID}${rest}`} end`), `key a_${ID}[redacted] end`)
  }
})

test('several keys in one text are all redacted', () => {
  assert.ok(!redactSecrets(`${KEY},${KEY} ${KEY}`).includes(REST))
})

test('what an Authorization header carries is redacted in any case and encoding', () => {
  for (const text of [
    'Bearer abc.def-ghi',
    'bearer  abc.def-ghi',
    'BASIC dTpw',
    'Basic%20dTpw',
    'DPoP abc.def',
    'Basic+dTpw==',
  ]) {
    const redacted = redactSecrets(`authorization: ${text} next`)
    assert.match(redacted, /^authorization: \w+(?: +|%20|\+)\[redacted\] next$/, text)
  }
})

test('a JWT is redacted wherever it stands, whole or cut', () => {
  const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'
  const keyLike = `eyJhbGci_${ID}${REST}.eyJ_${ID}${REST}.a_${ID}${REST}-c2ln`
  for (const token of [jwt, jwt.slice(0, -9), jwt.slice(0, -12), keyLike]) {
    assert.equal(redactSecrets(`token="${token}" next`), 'token="[redacted]" next')
  }
})

test('user and password of a URL are redacted', () => {
  assert.equal(redactSecrets('at postgres://u:hunter2@db/c?x'), 'at postgres://[redacted]@db/c?x')
})

test('ids, scopes, request ids and ordinary words stay', () => {
  const text = `ws_000000000001 ${ID} orders:read r0123456789a prn_AAAAAAAAAAAA https://orders.example/a@b node_modules`
  assert.equal(redactSecrets(text), text)
})

test('redaction takes time in proportion to the text', () => {
  const time = (text: string) => {
    const startedAt = process.hrtime.bigint()
    redactSecrets(text)
    return Number(process.hrtime.bigint() - startedAt) / 1e6
  }
  for (const piece of [
    'a_',
    '_',
    'a_a1',
    'bearer ',
    '://',
    'x:/',
    'Basic+',
    '://a',
    'eyJ',
    'eyJ-',
    'eyJ.',
    '-eyJa.',
  ]) {
    assert.ok(time(piece.repeat(50_000)) < 1000, `slow on ${piece}`)
  }
})
