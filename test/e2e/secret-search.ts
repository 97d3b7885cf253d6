import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Of `{prefix}_{id}{secret}{checksum}` the part that nobody but its holder may know. */
const SECRET_CHARACTERS = 32
const ID_CHARACTERS = 12

/** The secret part of a key; the prefix and the public id before it may stand anywhere. */
export function secretPart(key: string): string {
  const afterPrefix = key.slice(key.lastIndexOf('_') + 1)
  return afterPrefix.slice(ID_CHARACTERS, ID_CHARACTERS + SECRET_CHARACTERS)
}

/** Where secrets were searched for, and what was there. */
export type Places = ReadonlyMap<string, Buffer>

/**
 * The places that hold any of the secrets, or a piece long enough to help a guesser, as `place: key number`; also as
 * base64 or hex, as encoders and databases write bytes. Never the secret itself.
 */
export function findSecrets(keys: readonly string[], places: Places): string[] {
  const found: string[] = []
  for (const [place, bytes] of places) {
    for (const [number, key] of keys.entries()) {
      const secret = secretPart(key)
      if (formsOf(key, secret).some((form) => bytes.includes(form))) found.push(`${place}: key ${number + 1}`)
    }
  }
  return found
}

function formsOf(key: string, secret: string): string[] {
  const half = secret.length / 2
  const basic = Buffer.from(`${key}:`).toString('base64').slice(0, -4)
  const hex = Buffer.from(secret).toString('hex')
  return [secret.slice(0, half), secret.slice(half), basic, hex, hex.toUpperCase()]
}

/** Every file below a folder but those named. */
export function filesBelow(folder: string, except: readonly string[]): Map<string, Buffer> {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile() && !except.includes(entry.name))
  return new Map(files.map(({ parentPath, name }) => [name, readFileSync(join(parentPath, name))]))
}
