/** What a password may not be made of: the words around it. */
export interface PasswordContext {
  readonly username: string
  /** Of the principal, the workspace and whatever else everybody knows. */
  readonly names: readonly string[]
}

/** A list of common and breached passwords, in lower case. */
export interface CommonPasswords {
  has(password: string): boolean
}

/** In code points, as NIST SP 800-63B-4 section 3.1.1.2 counts: 15 where the password is all there is. */
export const PASSWORD_LENGTH = { min: 15, max: 256 } as const

/** Fewer characters than this, besides known words or in runs and repetitions taken as one, are nobody's secret. */
const MIN_OWN_CHARACTERS = 8
/** Shorter names occur in words by chance. */
const MIN_NAME_LENGTH = 4
/** Shorter ends of a password would be found on any list. */
const MIN_PIECE_LENGTH = 4
/** Fewer neighbours in a row occur by chance. */
const MIN_RUN_LENGTH = 3
const PRODUCT_NAME = 'credence'

/** Rows in which somebody finds the next character without thinking; either direction. */
const ROWS = [
  '0123456789',
  '1234567890',
  'abcdefghijklmnopqrstuvwxyz',
  'qwertyuiop',
  'qwertzuiop',
  'azertyuiop',
  'asdfghjkl',
  'qsdfghjklm',
  'zxcvbnm',
  'yxcvbnm',
  'qazwsxedcrfvtgbyhnujm',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm',
  '!@#$%^&*()',
]
/** What each pair of neighbours is, in both directions. */
const NEIGHBOURS: ReadonlySet<string> = new Set(
  ROWS.flatMap((row) => [...row].slice(1).flatMap((next, index) => [row[index]! + next, next + row[index]!])),
)

/** Signs that stand for letters wherever people are made to use them. */
const SIGNS_FOR_LETTERS: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
}

/**
 * The form in which a password is hashed and compared: OpaqueString of RFC 8265 section 4.2, which is what RFC 7617
 * section 2.1 asks for: every kind of space is a space, then NFC (as NIST SP 800-63B-4 section 3.1.1.2 says, too).
 * Case, width and everything else stay as they are.
 */
export function preparePassword(text: string): string {
  return text.replace(/\p{Zs}/gu, ' ').normalize('NFC')
}

/**
 * What is wrong with a password that somebody wants to set, or null: nothing. The text says what is allowed, and
 * quotes nothing of the password. There are no rules of composition: NIST forbids them.
 * @param password as preparePassword makes it
 */
export function passwordProblem(
  password: string,
  context: PasswordContext,
  common: CommonPasswords,
): string | null {
  // Unassigned characters may become something else under a later Unicode, in NFC (UAX 15 section 12.1).
  if (/[\p{Cc}\p{Cs}\p{Cn}\p{Co}\p{Default_Ignorable_Code_Point}]/u.test(password)) {
    return 'must be made of visible characters and spaces'
  }
  const { min, max } = PASSWORD_LENGTH
  const length = [...password].length
  if (length < min || length > max) return `must have ${min} to ${max} characters`
  const folded = password.toLowerCase()
  if (isRepetition([...folded]) || countOwnSteps(folded) < MIN_OWN_CHARACTERS) {
    return 'must not be a repetition or a row of neighbouring characters'
  }
  const words = [context.username, ...context.names].flatMap(wordsOf)
  if (spellings(folded).some((spelling) => isMadeOf(spelling, [...words, PRODUCT_NAME]))) {
    return `must have at least ${MIN_OWN_CHARACTERS} characters besides the username, the principal's name and the name ${PRODUCT_NAME}`
  }
  if (isCommon(folded, common)) {
    return 'must not be a password, or two joined, from the list of common and breached ones'
  }
  return null
}

/** Of something that would be too short by itself, twice or more, and perhaps a part of it once again. */
function isRepetition(characters: readonly string[]): boolean {
  const longest = Math.min(PASSWORD_LENGTH.min - 1, Math.floor(characters.length / 2))
  for (let period = 1; period <= longest; period += 1) {
    if (characters.every((one, index) => index < period || one === characters[index - period])) return true
  }
  return false
}

/** How many steps it takes to say a password, where a run of equal or neighbouring characters is one step. */
function countOwnSteps(folded: string): number {
  const characters = [...folded]
  let steps = 0
  for (let start = 0; start < characters.length; ) {
    const end = runEnd(characters, start)
    const isRun = end - start >= MIN_RUN_LENGTH
    steps += 1
    start = isRun ? end : start + 1
  }
  return steps
}

function runEnd(characters: readonly string[], start: number): number {
  let end = start + 1
  while (end < characters.length) {
    const [before, here] = [characters[end - 1]!, characters[end]!]
    if (before !== here && !NEIGHBOURS.has(before + here)) break
    end += 1
  }
  return end
}

/** A name as a whole, and the words of it. */
function wordsOf(name: string): string[] {
  const folded = preparePassword(name).toLowerCase()
  return [folded, ...folded.split(/[^\p{L}\p{N}]+/u)].filter((word) => [...word].length >= MIN_NAME_LENGTH)
}

/** Whether too little is left of a password once every known word is taken out, the longest first. */
function isMadeOf(spelling: string, words: readonly string[]): boolean {
  let rest = spelling
  for (const word of words.toSorted((a, b) => b.length - a.length)) {
    for (const one of new Set(spellings(word))) rest = rest.replaceAll(one, '')
  }
  return rest !== spelling && [...rest].length < MIN_OWN_CHARACTERS
}

/** As it is, and with signs read as the letters that they stand for. */
function spellings(folded: string): string[] {
  return [folded, [...folded].map((one) => SIGNS_FOR_LETTERS[one] ?? one).join('')]
}

/** On the list, with or without what stands around and between its letters; or two of the list, joined. */
function isCommon(folded: string, common: CommonPasswords): boolean {
  const trimmed = [folded, ...spellings(folded).map((one) => one.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, ''))]
  const joined = trimmed.flatMap((one) => [one, one.replace(/[^\p{L}\p{N}]+/gu, '')])
  return [...new Set(joined.flatMap(spellings))].some((form) => isListed(form, common))
}

function isListed(form: string, common: CommonPasswords): boolean {
  if (common.has(form)) return true
  for (let split = MIN_PIECE_LENGTH; split <= form.length - MIN_PIECE_LENGTH; split += 1) {
    if (common.has(form.slice(0, split)) && common.has(form.slice(split))) return true
  }
  return false
}
