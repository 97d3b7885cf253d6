import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { checkDpopProof, type ExpectedDpopProof } from '@credence/core'

/** The examples of RFC 9449; they live beside the repository and are not part of it. */
const PATH = resolve(import.meta.dirname, '../../../shared/vectors/rfc9449/figures.json')

interface Figure {
  readonly figure: string | null
  readonly text: string
  readonly dpopProof: string | null
}

function figures(t: TestContext): readonly Figure[] {
  if (existsSync(PATH)) return (JSON.parse(readFileSync(PATH, 'utf8')) as { figures: Figure[] }).figures
  t.diagnostic(`NOT RUN: no vectors at ${PATH}`)
  return []
}

/** The key of every example, as the RFC says in section 6.1. */
const JKT = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'
const TOKEN = { method: 'POST', uri: 'https://server.example.com/token', credential: null }
const RESOURCE = {
  method: 'GET',
  uri: 'https://resource.example.org/protectedresource',
  credential: 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU',
}

/** The request that each proof is for. */
const REQUESTS: Readonly<Record<string, Omit<ExpectedDpopProof, 'thumbprint' | 'nonces'>>> = {
  'dpop-proof-jwt': TOKEN,
  'token-request-code': TOKEN,
  'token-request-rt': TOKEN,
  'protected-resource-request': RESOURCE,
}
const ISSUED: Readonly<Record<string, number>> = {
  'dpop-proof-jwt': 1_562_262_616,
  'token-request-code': 1_562_262_616,
  'token-request-rt': 1_562_265_296,
  'protected-resource-request': 1_562_262_618,
}

describe('RFC 9449', () => {
  test('each proof holds for the request it is shown in, and is of the key that the RFC names', (t) => {
    const proofs = figures(t).filter(({ dpopProof }) => dpopProof !== null)
    if (proofs.length === 0) return
    assert.deepEqual(proofs.map(({ figure }) => figure).sort(), Object.keys(REQUESTS).sort())
    for (const { figure, dpopProof } of proofs) {
      const iat = ISSUED[figure!]!
      const expected = { ...REQUESTS[figure!]!, thumbprint: JKT, nonces: null }
      const result = checkDpopProof(dpopProof, expected, iat * 1000)
      assert.ok(result.ok, figure!)
      assert.deepEqual([result.thumbprint, result.iat, result.nonce], [JKT, iat, null])
    }
  })

  test('each proof is refused at another request, another time, beside another token, and with another key', (t) => {
    for (const { figure, dpopProof } of figures(t)) {
      if (dpopProof === null) continue
      const nowMs = ISSUED[figure!]! * 1000
      const expected = { ...REQUESTS[figure!]!, thumbprint: JKT, nonces: null }
      for (const wrong of [
        { method: 'PUT' },
        { uri: `${expected.uri}s` },
        { credential: 'another' },
        { thumbprint: 'another' },
        { nonces: { accepts: () => false } },
      ]) {
        assert.ok(!checkDpopProof(dpopProof, { ...expected, ...wrong }, nowMs).ok, JSON.stringify(wrong))
      }
      assert.ok(!checkDpopProof(dpopProof, expected, nowMs + 61_000).ok)
      assert.ok(!checkDpopProof(`${dpopProof.slice(0, -2)}AA`, expected, nowMs).ok)
    }
  })
})
