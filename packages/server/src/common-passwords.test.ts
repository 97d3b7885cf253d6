import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  type CommonPasswords,
  generatePassword,
  PASSWORD_LENGTH,
  passwordProblem,
  preparePassword,
} from '@credence/core'
import { COMMON_PASSWORDS_FILE, commonPasswords } from './common-passwords.ts'

const context = { username: 'batch', names: ['Payments', 'default'] }

function isRefused(password: string, common: CommonPasswords): boolean {
  return passwordProblem(preparePassword(password), context, common)?.includes('common and breached') ?? false
}

describe('the list of common and breached passwords', () => {
  test('holds breached ones that are long enough to be set, to the last line of the file', async () => {
    const common = await commonPasswords()
    const breached = ['poweroverwhelming', 'sachintendulkar', 'WhiteDoveAndRunninBear', 'vjhtrhsvdctcegth']
    for (const one of breached) assert.ok(isRefused(one, common), one)
    assert.ok(!isRefused('poweroverwhelmingly', common), 'the control')
  })

  test('together with the other rules leaves no password of that file that could be set', async () => {
    const common = await commonPasswords()
    const file = fileURLToPath(import.meta.resolve(COMMON_PASSWORDS_FILE))
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.length >= PASSWORD_LENGTH.min)
    const accepted = (list: CommonPasswords) =>
      lines.filter((line) => passwordProblem(preparePassword(line), context, list) === null)
    assert.ok(lines.length > 9000)
    assert.deepEqual(accepted(common), [])
    assert.ok(accepted(new Set()).length > 9000, 'the control: without the list nearly all could be')
  })

  test('refuses two of the most common ones, joined and dressed up', async () => {
    const common = await commonPasswords()
    for (const one of ['Football-Sunshine1', 'p@ssw0rdDragon2026', 'letmein_letmein_1', 'monkeymonkey!!!!']) {
      assert.ok(isRefused(one, common), one)
    }
  })

  test('refuses no passphrase of four words and no random password', async () => {
    const common = await commonPasswords()
    const passphrases = ['hurdle vex quib gnaw', 'tundra lobster quill map', 'Der Regen fällt auf Ziegel']
    for (const one of passphrases) assert.equal(passwordProblem(one, context, common), null, one)
    for (let index = 0; index < 500; index += 1) {
      assert.equal(passwordProblem(generatePassword(randomBytes), context, common), null)
    }
  })

  test('is read once, however many ask', () => {
    assert.equal(commonPasswords(), commonPasswords())
  })
})
