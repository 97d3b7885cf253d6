import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'

export const ROOT = resolve(import.meta.dirname, '../..')

export function readFile(path: string): string {
  return readFileSync(resolve(ROOT, path), 'utf8')
}

/** Every document of a YAML text. @throws Error where it is not well-formed, or says something twice */
export function yamlDocuments(text: string): unknown[] {
  return parseAllDocuments(text).map((document) => {
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) throw problem
    return document.toJS() as unknown
  })
}

/** Follows names and numbers into what was parsed; undefined: there is nothing. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found = value
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined
    found = (found as Record<string, unknown>)[step]
  }
  return found
}
