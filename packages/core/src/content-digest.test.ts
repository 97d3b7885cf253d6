import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkContentDigest } from './content-digest.ts'
import { checkProperty } from './testing/rounds.ts'

const CONTENT = Buffer.from('{"hello": "world"}')
const digest = (hash: string, content = CONTENT) => `:${createHash(hash).update(content).digest('base64')}:`
const SHA256 = `sha-256=${digest('sha256')}`
const SHA512 = `sha-512=${digest('sha512')}`

const check = (...lines: string[]) =>
  checkContentDigest(
    lines.flatMap((line) => ['Content-Digest', line]),
    CONTENT,
  )

describe('the digest of content', () => {
  it('is that of RFC 9530, appendix D', () => {
    const content = Buffer.from('{"hello": "world"}\n')
    const headers = ['content-digest', 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:']
    assert.deepEqual(checkContentDigest(headers, content), { ok: true })
  })

  it('holds by each algorithm that counts, or by both', () => {
    for (const lines of [[SHA256], [SHA512], [SHA256, SHA512], [`md5=:YQ==:, ${SHA256}`]]) {
      assert.deepEqual(check(...lines), { ok: true })
    }
    assert.deepEqual(
      checkContentDigest(
        ['Content-Digest', `sha-256=${digest('sha256', Buffer.alloc(0))}`],
        new Uint8Array(),
      ),
      {
        ok: true,
      },
    )
  })

  it('is refused where any that counts is of other content', () => {
    const wrong = `sha-512=${digest('sha512', Buffer.from('x'))}`
    for (const lines of [[wrong], [SHA256, wrong], [`sha-256=${digest('sha512')}`], ['sha-256=::']]) {
      const result = check(...lines)
      assert.ok(!result.ok && result.code === 'BINDING_MISMATCH' && /another digest/.test(result.detail))
    }
    for (let at = 0; at < CONTENT.length; at += 1) {
      const changed = Buffer.from(CONTENT)
      changed[at]! ^= 1
      assert.ok(!checkContentDigest(['Content-Digest', SHA256], changed).ok)
    }
  })

  it('is refused where none counts, or the header is none', () => {
    for (const lines of [
      [],
      ['md5=:YQ==:'],
      ['sha-256=YQ'],
      ['sha-256'],
      ['SHA-256=:YQ==:'],
      [SHA256, SHA256],
      [`${SHA256};x`],
      ['x x'],
    ]) {
      assert.ok(!check(...lines).ok, lines.join())
    }
  })

  it('that is absent is said to be', () => {
    const result = check()
    assert.ok(!result.ok && /there is no/.test(result.detail))
  })

  it('never throws', () => {
    checkProperty(
      'anything for a digest',
      300,
      fc.property(fc.array(fc.string()), fc.uint8Array(), (lines, content) => {
        assert.ok(
          !checkContentDigest(
            lines.flatMap((line) => ['content-digest', line]),
            content,
          ).ok,
        )
      }),
    )
  })
})
