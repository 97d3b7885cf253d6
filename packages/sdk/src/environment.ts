import { keyFile } from './key-file.ts'
import type { KeySource } from './key-source.ts'

/** Where a server on this machine listens, unless it was told otherwise. */
const DEFAULT_URL = 'http://127.0.0.1:6749'

export interface Connection {
  readonly url: string | URL
  readonly key: KeySource
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The address and the key that are not given, from CREDENCE_URL and CREDENCE_KEY_FILE or CREDENCE_KEY.
 * @throws TypeError when there is no key, or two
 */
export function connectionFrom(given: Partial<Connection>, env: Environment): Connection {
  const url = given.url ?? nonEmpty(env.CREDENCE_URL) ?? DEFAULT_URL
  return { url, key: given.key ?? keyFrom(env) }
}

function keyFrom(env: Environment): KeySource {
  const key = nonEmpty(env.CREDENCE_KEY)
  const path = nonEmpty(env.CREDENCE_KEY_FILE)
  if (key !== undefined && path !== undefined) {
    throw new TypeError('CREDENCE_KEY and CREDENCE_KEY_FILE are both set; unset one')
  }
  if (path !== undefined) return keyFile(path)
  if (key !== undefined) return key
  throw new TypeError(
    'there is no key: set CREDENCE_KEY_FILE to the path of a file that holds one, or give `key`',
  )
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}
