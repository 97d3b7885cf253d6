import type { Argon2id } from '@credence/core'

/** argon2id for what nobody waits for in a hurry: however many ask, it takes one thread and one hash's memory. */
export function oneAtATime(argon2id: Argon2id): Argon2id {
  let last: Promise<unknown> = Promise.resolve()
  return (...given) => {
    const mine = last.then(() => argon2id(...given))
    last = mine.catch(() => {})
    return mine
  }
}
