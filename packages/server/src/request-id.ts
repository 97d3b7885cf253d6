import { type RandomBytes, randomBase62 } from '@credence/core'

/** Every request has an id, told to the caller with each refusal: `r` and 11 random base62 characters. */
export function requestIds(randomBytes: RandomBytes): () => string {
  // Random bytes are drawn in blocks: one call of the generator for many requests.
  let block = ''
  let next = 0
  return () => {
    if (next + 11 > block.length) {
      block = randomBase62(11 * 256, randomBytes)
      next = 0
    }
    const id = `r${block.slice(next, next + 11)}`
    next += 11
    return id
  }
}
