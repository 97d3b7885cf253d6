import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')

/** The one block of a language in a guide: what a user pastes is what is tested. */
export function configurationIn(guide: string, language: string): string {
  const blocks = [...readPage(guide).matchAll(/^```(\S+)\n([\s\S]*?)^```$/gm)]
  const found = blocks.filter((block) => block[1] === language)
  if (found.length !== 1) throw new Error(`${guide} has ${found.length} blocks of ${language}`)
  return found[0]![2]!
}

export function readPage(guide: string): string {
  return readFileSync(resolve(ROOT, 'docs/guides', guide), 'utf8')
}

/** A file of the repository that a guide tells to install. */
export function shipped(path: string): string {
  return readFileSync(resolve(ROOT, path), 'utf8')
}

/** Ports and paths of a test in place of the guide's. @throws Error where a text is not there: the guide has moved on */
export function replaced(text: string, pairs: Readonly<Record<string, string>>): string {
  let result = text
  for (const [from, to] of Object.entries(pairs)) {
    if (!result.includes(from)) throw new Error(`the configuration does not hold ${JSON.stringify(from)}`)
    result = result.replaceAll(from, to)
  }
  return result
}
