import { argon2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { RandomBytes } from './base62.ts'

/** What makes argon2id slow (RFC 9106 section 3.1). Kept beside each digest. */
export interface Argon2Cost {
  readonly memoryKib: number
  readonly passes: number
  readonly parallelism: number
}

/** argon2id as somebody computes it, off the event loop: tests count its calls, a server bounds them. */
export type Argon2id = (
  message: Uint8Array,
  nonce: Uint8Array,
  cost: Argon2Cost,
  tagBytes: number,
) => Promise<Uint8Array>

/**
 * OWASP's advice of today (Password Storage Cheat Sheet): 19 MiB, two passes, one lane. What it takes in memory is
 * what bounds how many may run at once, so its advice with more memory and one pass is no better here.
 */
export const CURRENT_COST: Argon2Cost = { memoryKib: 19_456, passes: 2, parallelism: 1 }

/** RFC 9106 section 3.1: 16 bytes are enough for a nonce, 32 are twice what it says a tag needs. */
const NONCE_BYTES = 16
const TAG_BYTES = 32

const threadPoolArgon2 = promisify(argon2)

/** Node's own, which computes in a thread of libuv's pool. */
export const nodeArgon2id: Argon2id = (message, nonce, { memoryKib, passes, parallelism }, tagBytes) =>
  threadPoolArgon2('argon2id', {
    message,
    nonce,
    memory: memoryKib,
    passes,
    parallelism,
    tagLength: tagBytes,
  })

/**
 * The digest of a password, as bytes of a PHC string: `$argon2id$v=19$m=…,t=…,p=…$nonce$tag`. It is for `sealDigest`
 * and nowhere else: sealed under the keyring, it cannot be guessed at by whoever has the database alone.
 * @param password as preparePassword makes it
 * @param sibling of another version of the same credential, or null. Its nonce and cost are used again, unless the
 *   cost is of old, so that one hash is enough to compare a password with both.
 */
export async function digestPassword(
  password: string,
  sibling: Uint8Array | null,
  randomBytes: RandomBytes,
  argon2id: Argon2id,
): Promise<Buffer> {
  const shared = sibling === null || needsUpgrade(sibling) ? null : readDigest(sibling)
  const { cost, nonce } = shared ?? { cost: CURRENT_COST, nonce: randomBytes(NONCE_BYTES) }
  return written(cost, nonce, await argon2id(Buffer.from(password), nonce, cost, TAG_BYTES))
}

/**
 * The index of the digest that is the password's, or null: none. All are compared, in constant time, whether or not
 * one matched before; siblings share a hash. What cannot be read is nobody's, and takes as long as what can.
 */
export async function matchingDigest(
  digests: readonly Uint8Array[],
  password: string,
  argon2id: Argon2id,
): Promise<number | null> {
  const computed = new Map<string, Uint8Array>()
  let matching: number | null = null
  for (const [index, digest] of digests.entries()) {
    const read = readDigest(digest)
    const { cost, nonce, tag } = read ?? NOBODYS
    const key = JSON.stringify([cost, nonce.toString('hex'), tag.length])
    const hash = computed.get(key) ?? (await argon2id(Buffer.from(password), nonce, cost, tag.length))
    computed.set(key, hash)
    if (timingSafeEqual(hash, tag) && read !== null) matching = index
  }
  return matching
}

/**
 * Whether the digest was made at less cost than today's, and so should be made anew now that the password is known.
 * One made at more stays: nodes of two releases would otherwise take turns.
 */
export function needsUpgrade(digest: Uint8Array): boolean {
  const read = readDigest(digest)
  if (read === null) return true
  const workOf = (cost: Argon2Cost) => cost.memoryKib * cost.passes
  return workOf(read.cost) < workOf(CURRENT_COST) || read.tag.length < TAG_BYTES
}

/**
 * A digest of today's cost that no password has: what is hashed for an unknown username, so that it takes the time
 * of a known one.
 */
export function decoyDigest(randomBytes: RandomBytes): Buffer {
  return written(CURRENT_COST, randomBytes(NONCE_BYTES), randomBytes(TAG_BYTES))
}

interface Digest {
  readonly cost: Argon2Cost
  readonly nonce: Buffer
  readonly tag: Buffer
}

const NOBODYS: Digest = { cost: CURRENT_COST, nonce: Buffer.alloc(NONCE_BYTES), tag: Buffer.alloc(TAG_BYTES) }
const FORM =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,6}),t=([1-9]\d?),p=([1-9]\d?)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/

/** Null: not a digest of argon2id 1.3, or at a cost that nobody would choose: RFC 9106 asks for 8 KiB a lane. */
function readDigest(bytes: Uint8Array): Digest | null {
  const found = FORM.exec(Buffer.from(bytes).toString('latin1'))
  if (found === null) return null
  const [memoryKib, passes, parallelism] = [Number(found[1]), Number(found[2]), Number(found[3])]
  if (memoryKib < 8 * parallelism) return null
  return {
    cost: { memoryKib, passes, parallelism },
    nonce: Buffer.from(found[4]!, 'base64'),
    tag: Buffer.from(found[5]!, 'base64'),
  }
}

function written({ memoryKib, passes, parallelism }: Argon2Cost, nonce: Uint8Array, tag: Uint8Array): Buffer {
  const [nonceText, tagText] = [nonce, tag].map((bytes) =>
    Buffer.from(bytes).toString('base64').replaceAll('=', ''),
  )
  return Buffer.from(`$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${nonceText}$${tagText}`)
}
