import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type PasswordContext, passwordProblem, preparePassword } from './password-rules.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

const context: PasswordContext = { username: 'ann.oneill', names: ['Payments Batch', 'default'] }
const common = new Set(['password', 'sunshine', 'dragon', 'letmein', 'correcthorsebatterystaple'])

const LENGTH = 'must have 15 to 256 characters'
const VISIBLE = 'must be made of visible characters and spaces'
const ROW = 'must not be a repetition or a row of neighbouring characters'
const NAMES =
  "must have at least 8 characters besides the username, the principal's name and the name credence"
const COMMON = 'must not be a password, or two joined, from the list of common and breached ones'

function problem(password: string, among = context): string | null {
  return passwordProblem(preparePassword(password), among, common)
}

describe('a password', () => {
  test('has 15 to 256 characters, counted as Unicode counts them', () => {
    assert.equal(problem('hurdle vex quib'), null)
    assert.equal(problem('hurdle vex qui'), LENGTH)
    const [keys, locks] = ['🔑🗝🔒🔓🧷🪙🎫', '🎟📎🧵🪡🧶🪢🎀']
    assert.equal(problem(`${keys}${locks}🧩`), null, 'fifteen characters of two units each')
    assert.equal(problem(`${keys}${locks}`), LENGTH)
    const long = Array.from({ length: 257 }, (_, index) => String.fromCodePoint(0x4e00 + index * 7)).join('')
    assert.equal(problem(long.slice(0, 256)), null)
    assert.equal(problem(long), LENGTH)
  })

  test('is counted after it was made canonical: an accent is no character of its own', () => {
    assert.equal(problem('hurdle vex quí'.normalize('NFD')), LENGTH)
    assert.equal(preparePassword('e\u0301\u2003x'), '\u00e9 x')
  })

  test('needs no mixture of characters: NIST forbids such rules', () => {
    for (const one of ['hurdlevexquibgnaw', 'HURDLE VEX QUIB GNAW', '83651907246835124']) {
      assert.equal(problem(one), null, one)
    }
  })

  test('has nothing in it that nobody sees or that another Unicode may read in another way', () => {
    for (const sign of [
      '\u0000',
      '\u202e',
      '\u200b',
      '\ufeff',
      '\u{e0041}',
      '\ud800',
      '\uffff',
      '\ue000',
      '\u0378',
    ]) {
      assert.equal(problem(`hurdle vex${sign} quib gnaw`), VISIBLE, JSON.stringify(sign))
    }
  })

  test('is no repetition of what would be too short, and no row of neighbours', () => {
    const wrong = [
      'aaaaaaaaaaaaaaaa',
      'x7Kq!x7Kq!x7Kq!',
      'hurdlevexhurdlevexhurdle',
      '123456789012345678',
      'abcdefghijklmnopqrstuvwxyz',
      'zyxwvutsrqponmlkj',
      'qwertyuiopasdfghjkl',
      'Qwertzuiop123456789',
      '1qaz2wsx3edc4rfv5tgb',
      'aaaabbbbccccdddd1234',
    ]
    for (const one of wrong) assert.equal(problem(one), ROW, one)
    assert.equal(problem('hurdle vex quibhurdle vex quib'), null, 'twice what is long enough once')
  })

  test('is not made of the username, a name of the principal, or of ours', () => {
    const wrong = [
      'ann.oneill-1984',
      'oneill.oneill.77',
      'PaymentsBatch2026',
      'payments-payments!',
      'Credence-credence1',
      'cr3d3nc3cr3d3nc3-0',
      'credence-2026-ann.oneill',
    ]
    for (const one of wrong) assert.equal(problem(one), NAMES, one)
    assert.equal(problem('oneill hurdle vex quib'), null, 'with enough besides')
    assert.equal(problem('hurdlevexquibgnaw', { username: 'vex', names: ['quib'] }), null)
  })

  test('is not on the list, whatever stands around it, in whatever case, nor two of the list', () => {
    const wrong = [
      'CorrectHorseBatteryStaple',
      'correct horse battery staple',
      'correct-horse-battery-staple!2026',
      'p@ssw0rdsunshine',
      'SunshineDragon!!1',
      '!!!...password1984',
      'letmein-sunshine',
    ]
    for (const one of wrong) assert.equal(problem(one), COMMON, one)
    assert.equal(problem('sunshine hurdle vex'), null)
  })

  test('is never quoted by what is said of it', () => {
    const silent = (rule: typeof passwordProblem) =>
      fc.property(fc.string({ unit: 'grapheme', minLength: 3, maxLength: 40 }), (text) => {
        const said = rule(preparePassword(`#${text}`), { username: text, names: [text] }, common)
        assert.ok(said === null || !said.includes(`#${text}`))
      })
    checkProperty('password problems', 1000, silent(passwordProblem))
    const talkative: typeof passwordProblem = (password, ...rest) =>
      passwordProblem(password, ...rest) && `${password} is not allowed`
    assert.ok(refutes(100, silent(talkative)), 'one that quotes is seen to be wrong')
  })

  test('is prepared once and for all: to prepare it again changes nothing', () => {
    const stable = (prepare: typeof preparePassword) =>
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (text) => {
        assert.equal(prepare(prepare(text)), prepare(text))
        assert.equal(prepare(text.normalize('NFD')), prepare(text.normalize('NFC')))
      })
    checkProperty('prepared passwords', 500, stable(preparePassword))
    assert.ok(
      refutes(
        2000,
        stable((text) => text),
      ),
      'one that normalises nothing is seen to be wrong',
    )
  })
})
