import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { JWS_ALGORITHM_NAMES, type Jwk, type JwsReason, readJwk, verifyCompactJws } from '@credence/core'

/** The examples of the RFCs; they live beside the repository and are not part of it. */
const VECTORS = resolve(import.meta.dirname, '../../../shared/vectors')
const COOKBOOK = `${VECTORS}/rfc7520-cookbook`

interface Signature {
  readonly protected?: string
  readonly signature: string
}

interface Example {
  readonly input: { readonly payload: string; readonly key: Jwk | readonly Jwk[] }
  readonly output: {
    readonly compact?: string
    readonly json: { readonly payload?: string; readonly signatures: readonly Signature[] }
  }
}

function read<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T
}

function isAbsent(t: TestContext): boolean {
  const absent = !existsSync(VECTORS)
  if (absent) t.diagnostic(`NOT RUN: no vectors at ${VECTORS}`)
  return absent
}

/** `accepted`, or the reason, where every algorithm is allowed. */
function answerTo(token: string, key: Jwk): JwsReason | 'accepted' {
  const result = verifyCompactJws(token, { keys: [key], algorithms: JWS_ALGORITHM_NAMES })
  return result.ok ? 'accepted' : result.reason
}

/** An example says something only where its token is refused once a character of any part is another. */
function assertHolds(token: string, key: Jwk): void {
  assert.equal(answerTo(token, key), 'accepted')
  const ends = [...token.matchAll(/\./g)].map(({ index }) => index)
  for (const at of [1, ends[0]! + 2, ends[1]! + 2, token.length - 2]) {
    const other = token[at] === 'A' ? 'B' : 'A'
    assert.notEqual(answerTo(token.slice(0, at) + other + token.slice(at + 1), key), 'accepted', `at ${at}`)
  }
  const payload = token.split('.')[1]
  assert.notEqual(answerTo(token.replace(`.${payload}.`, '..'), key), 'accepted')
}

describe('RFC 7515, 7519 and 8037', () => {
  const expected: Readonly<Record<string, JwsReason | 'accepted'>> = {
    'RFC7515-A1': 'accepted',
    'RFC7515-A2': 'accepted',
    'RFC7515-A3': 'accepted',
    'RFC7515-A4': 'accepted',
    // Unsecured: without a signature it is no JWS that anybody here could want.
    'RFC7515-A5': 'not_compact',
    'RFC7519-A1 encrypted JWT': 'not_compact',
    'RFC7519-3.1': 'accepted',
    'RFC7519-6.1 unsecured JWT': 'not_compact',
    'RFC8037-A': 'accepted',
  }

  test('each token gets the answer that the RFC gives', (t) => {
    if (isAbsent(t)) return
    const path = `${VECTORS}/rfc7515-7519/vectors.json`
    const { vectors } = read<{ vectors: { id: string; jwk?: Jwk; compact?: string }[] }>(path)
    const tokens = vectors.filter(({ compact }) => compact !== undefined)
    assert.deepEqual(tokens.map(({ id }) => id).sort(), Object.keys(expected).sort())
    for (const { id, compact, jwk = {} } of tokens) {
      assert.equal(answerTo(compact!, jwk), expected[id], id)
      if (expected[id] === 'accepted') assertHolds(compact!, jwk)
    }
  })
})

describe('RFC 7520, 7797 and 8037, the cookbook', () => {
  test('each compact signature is accepted, and each that is none in this form is refused', (t) => {
    if (isAbsent(t)) return
    const expected: Readonly<Record<string, JwsReason | 'accepted'>> = {
      'jws/4_1.rsa_v15_signature.json': 'accepted',
      'jws/4_2.rsa-pss_signature.json': 'accepted',
      'jws/4_3.ecdsa_signature.json': 'accepted',
      'jws/4_4.hmac-sha2_integrity_protection.json': 'accepted',
      // Detached: what was signed is not there.
      'jws/4_5.signature_with_detached_content.json': 'bad_signature',
      'curve25519/jws.json': 'accepted',
      'rfc7797/hmac-sha2_b64_false.json': 'not_base64url',
    }
    const files = ['jws', 'curve25519', 'rfc7797'].flatMap((folder) =>
      readdirSync(`${COOKBOOK}/${folder}`).map((file) => `${folder}/${file}`),
    )
    const compact: string[] = []
    for (const file of files.filter((name) => name.endsWith('.json') && !name.includes('ecdh'))) {
      const { input, output } = read<Example>(`${COOKBOOK}/${file}`)
      if (output.compact === undefined) continue
      compact.push(file)
      assert.equal(answerTo(output.compact, input.key as Jwk), expected[file], file)
      if (expected[file] === 'accepted') assertHolds(output.compact, input.key as Jwk)
    }
    assert.deepEqual(compact.sort(), Object.keys(expected).sort())
  })

  test('each signature in JSON that protects its algorithm holds as a compact one too, the payload put back', (t) => {
    if (isAbsent(t)) return
    let held = 0
    const unprotected: string[] = []
    for (const file of readdirSync(`${COOKBOOK}/jws`)) {
      const { input, output } = read<Example>(`${COOKBOOK}/jws/${file}`)
      const payload = Buffer.from(input.payload).toString('base64url')
      for (const [index, { protected: header, signature }] of output.json.signatures.entries()) {
        const key = [input.key].flat()[index]!
        if (header === undefined) {
          assert.equal(answerTo(`.${payload}.${signature}`, key), 'not_compact')
          unprotected.push(file)
          continue
        }
        assertHolds(`${header}.${payload}.${signature}`, key)
        held += 1
      }
    }
    assert.equal(held, 8)
    assert.deepEqual(unprotected, ['4_7.protecting_content_only.json', '4_8.multiple_signatures.json'])
  })

  test('b64 is refused, also where crit or the encoding were no obstacle', (t) => {
    if (isAbsent(t)) return
    for (const file of ['4.2.hmac-sha2_b64_false.json', 'hmac-sha2_b64_false.json']) {
      const { input, output } = read<Example>(`${COOKBOOK}/rfc7797/${file}`)
      const { protected: header, signature } = output.json.signatures[0]!
      const payload = Buffer.from(input.payload).toString('base64url')
      assert.equal(answerTo(`${header}.${payload}.${signature}`, input.key as Jwk), 'critical_header')
    }
  })

  test('each key for signatures is read, private members or not, and the one for encryption is refused', (t) => {
    if (isAbsent(t)) return
    const problems = readdirSync(`${COOKBOOK}/jwk`).map((file) => {
      const reading = readJwk(read<Jwk>(`${COOKBOOK}/jwk/${file}`))
      return [file.slice(0, 3), reading.ok ? reading.key.kty : reading.problem]
    })
    assert.deepEqual(Object.fromEntries(problems), {
      '3_1': 'EC',
      '3_2': 'EC',
      '3_3': 'RSA',
      '3_4': 'RSA',
      '3_5': 'oct',
      '3_6': 'use is not sig',
    })
  })
})
