import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { generatePassword } from './generate-password.ts'
import { passwordProblem, preparePassword } from './password-rules.ts'

const GENERATED = Array.from({ length: 2000 }, () => generatePassword(randomBytes))

describe('a generated password', () => {
  test('has 120 bits: 24 characters of an alphabet of 32, each as likely as the others', () => {
    const counts = new Map<string, number>()
    for (const password of GENERATED) {
      assert.match(password, /^(?:[0-9a-hjkmnp-tv-z]{6}-){3}[0-9a-hjkmnp-tv-z]{6}$/)
      for (const one of password.replaceAll('-', '')) counts.set(one, (counts.get(one) ?? 0) + 1)
    }
    const mean = (2000 * 24) / 32
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0)
    assert.equal(counts.size, 32)
    // 31 degrees of freedom: 85 is passed by chance once in two million runs.
    assert.ok(chiSquare < 85, `${chiSquare}`)
  })

  test('takes every bit from the randomness that it is given', () => {
    const bytes = Uint8Array.from({ length: 24 }, (_, index) => index * 9)
    assert.equal(
      generatePassword(() => bytes),
      '09jv4d-pz8ht3-cny7gs-2bmx6f',
    )
    for (let index = 0; index < 24; index += 1) {
      const other = bytes.with(index, bytes[index]! ^ 1)
      assert.notEqual(
        generatePassword(() => other),
        generatePassword(() => bytes),
        `byte ${index}`,
      )
    }
  })

  test('is one that may be set, and none comes twice', () => {
    assert.equal(new Set(GENERATED).size, GENERATED.length)
    for (const password of GENERATED) {
      assert.equal(preparePassword(password), password)
      assert.equal(passwordProblem(password, { username: 'ann', names: ['default'] }, new Set()), null)
    }
  })
})
