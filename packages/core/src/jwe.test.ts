import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compactDecrypt } from 'jose'
import { type JweReason, MAX_JWE_LENGTH, parseUnverifiedJwe } from './jwe.ts'
import { encryptDirectly } from './testing/jwe-samples.ts'
import { encode } from './testing/jws-samples.ts'
import { checkProperty } from './testing/rounds.ts'

const SECRET = randomBytes(32)
const HEADER = { alg: 'dir', enc: 'A256GCM' }
const valid = encryptDirectly('content', SECRET, HEADER)
const [header, , iv, ciphertext, tag] = valid.split('.') as [string, string, string, string, string]

function reasonOf(token: unknown): JweReason | 'accepted' {
  const parsed = parseUnverifiedJwe(token)
  return parsed.ok ? 'accepted' : parsed.reason
}

function reasonForHeader(over: unknown): JweReason | 'accepted' {
  return reasonOf(encryptDirectly('content', SECRET, over))
}

describe('the form of an encrypted token', () => {
  const rows: [what: string, token: unknown, reason: JweReason | 'accepted'][] = [
    ['as it should be', valid, 'accepted'],
    ['nothing', undefined, 'not_compact'],
    ['bytes', Buffer.from(valid), 'not_compact'],
    ['three parts', valid.split('.').slice(0, 3).join('.'), 'not_compact'],
    ['six parts', `${valid}.`, 'not_compact'],
    ['a thousand parts', valid.replaceAll('.', '.'.repeat(1000)), 'not_compact'],
    ['no content', [header, '', iv, '', tag].join('.'), 'not_compact'],
    ['padding', `${valid}==`, 'not_base64url'],
    [
      'a space inside',
      [header, '', iv, `${ciphertext.slice(0, 4)} ${ciphertext.slice(4)}`, tag].join('.'),
      'not_base64url',
    ],
    ['a line end', `${valid}\n`, 'not_base64url'],
    ['a plus', [header, '', iv, '+_-A', tag].join('.'), 'not_base64url'],
    ['bits behind the last byte', [header, '', iv, 'AB', tag].join('.'), 'not_base64url'],
    ['no header', ['', '', iv, ciphertext, tag].join('.'), 'bad_header'],
    ['too long', [header, '', iv, 'A'.repeat(MAX_JWE_LENGTH), tag].join('.'), 'too_long'],
  ]
  for (const [what, token, reason] of rows) {
    test(`${what}: ${reason}`, () => assert.equal(reasonOf(token), reason))
  }

  test('is stricter than the library, which takes padding and white space: the control', async () => {
    for (const token of [`${valid}==`, `${valid}\n`]) {
      const { plaintext } = await compactDecrypt(token, SECRET)
      assert.equal(Buffer.from(plaintext).toString(), 'content')
      assert.equal(reasonOf(token), 'not_base64url')
    }
  })
})

describe('the header of an encrypted token', () => {
  const rows: [what: string, over: unknown, reason: JweReason | 'accepted'][] = [
    [
      'with members that nobody reads',
      { ...HEADER, jku: 'https://a.example', x5u: '', jwk: {}, x5c: [] },
      'accepted',
    ],
    ['with cty JWT', { ...HEADER, cty: 'JWT' }, 'accepted'],
    ['with cty as a media type', { ...HEADER, cty: 'application/jwt' }, 'accepted'],
    ['with another cty', { ...HEADER, cty: 'json' }, 'bad_header'],
    ['that is no object', [HEADER], 'bad_header'],
    ['that is no JSON', 'alg=dir', 'bad_header'],
    ['that is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'bad_header'],
    ['with a member twice', '{"alg":"RSA1_5","alg":"dir","enc":"A256GCM"}', 'bad_header'],
    [
      'with a member twice, once escaped',
      '{"alg":"dir","enc":"A256GCM","\\u0065nc":"A128GCM"}',
      'bad_header',
    ],
    ['with __proto__', '{"alg":"dir","enc":"A256GCM","__proto__":{}}', 'bad_header'],
    ['forty deep', `{"alg":"dir","enc":"A256GCM","x":${'['.repeat(40)}${']'.repeat(40)}}`, 'bad_header'],
    ['without alg', { enc: 'A256GCM' }, 'bad_header'],
    ['without enc', { alg: 'dir' }, 'bad_header'],
    ['whose alg is a list', { ...HEADER, alg: ['dir'] }, 'bad_header'],
    ['whose kid is a number', { ...HEADER, kid: 1 }, 'bad_header'],
    ['with crit', { ...HEADER, crit: ['exp'], exp: 1 }, 'critical_header'],
    ['with an empty crit', { ...HEADER, crit: [] }, 'critical_header'],
    ['with zip', { ...HEADER, zip: 'DEF' }, 'compressed'],
    ['with a zip that is null', { ...HEADER, zip: null }, 'compressed'],
  ]
  for (const [what, over, reason] of rows) {
    test(`${what}: ${reason}`, () => assert.equal(reasonForHeader(over), reason))
  }
})

test('parsing takes any input and never throws', () => {
  const part = fc.oneof(fc.string(), fc.json().map(encode), fc.constantFrom(...valid.split('.')))
  const anyToken = fc.oneof(
    fc.anything(),
    fc.array(part, { minLength: 1, maxLength: 7 }).map((parts) => parts.join('.')),
  )
  checkProperty(
    'form of encrypted tokens',
    500,
    fc.property(anyToken, (token) => {
      assert.equal(typeof parseUnverifiedJwe(token).ok, 'boolean')
    }),
  )
})
