import { readFile } from 'node:fs/promises'

/** A key that is kept in a file, alone on one line: read at the first use, and again when it was refused. */
export function keyFile(path: string): () => Promise<string> {
  return async () => {
    let text: string
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      throw new Error(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`)
    }
    return text.trim()
  }
}
