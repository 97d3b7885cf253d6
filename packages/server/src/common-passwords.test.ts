import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { generatePassword, passwordProblem, preparePassword } from '@credence/core'
import { commonPasswords } from './common-passwords.ts'

const context = { username: 'batch', names: ['Payments', 'default'] }

function isRefused(password: string, common: Awaited<ReturnType<typeof commonPasswords>>): boolean {
  return passwordProblem(preparePassword(password), context, common)?.includes('common and breached') ?? false
}

describe('the list of common and breached passwords', () => {
  test('holds breached ones that are long enough to be set, to the last line of the file', async () => {
    const common = await commonPasswords()
    const breached = ['poweroverwhelming', 'sachintendulkar', 'WhiteDoveAndRunninBear', 'vjhtrhsvdctcegth']
    for (const one of breached) assert.ok(isRefused(one, common), one)
    assert.ok(!isRefused('poweroverwhelmingly', common), 'the control')
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
