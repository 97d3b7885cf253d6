import { CredenceError } from './credence-error.ts'

/**
 * A secret, or a function that reads it from where it is kept. The function is called at the first use, and again when
 * the secret was refused, since it may have been rotated.
 */
export type KeySource = string | (() => string | Promise<string>)

/** A key travels in a header field: anything but visible ASCII could end the field, and would be quoted in an error. */
const HEADER_SAFE = /^[\x21-\x7e]{1,8192}$/
/** A password travels in base64: any one line will do. */
const ONE_LINE = /^[^\p{Cc}]{1,1024}$/u

/** The secret of a source, kept where nothing prints it. Those who ask while it is being read share the reading. */
export class HeldKey {
  readonly #source: KeySource
  readonly #what: 'key' | 'password'
  #secret: string | null = null
  #reading: Promise<string> | null = null

  constructor(source: KeySource, what: 'key' | 'password' = 'key') {
    this.#source = source
    this.#what = what
  }

  /** @throws CredenceError with KEY_UNREADABLE */
  async read(): Promise<string> {
    return this.#secret ?? this.#readAgain()
  }

  /**
   * Another secret than the one that was refused, or null: the source has no other.
   * @throws CredenceError with KEY_UNREADABLE
   */
  async replacementOf(refused: string): Promise<string | null> {
    if (typeof this.#source === 'string') return null
    // Somebody else was refused before and has read it anew.
    if (this.#secret !== null && this.#secret !== refused) return this.#secret
    const secret = await this.#readAgain()
    return secret === refused ? null : secret
  }

  #readAgain(): Promise<string> {
    this.#reading ??= this.#readSource().finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  async #readSource(): Promise<string> {
    let secret: unknown
    try {
      secret = typeof this.#source === 'string' ? this.#source : await this.#source()
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : 'its source failed'
      throw unreadable(detail, cause)
    }
    const form = this.#what === 'key' ? HEADER_SAFE : ONE_LINE
    if (typeof secret !== 'string' || !form.test(secret)) {
      const characters = this.#what === 'key' ? 'visible ASCII characters' : 'text'
      throw unreadable(`what its source gives is not one line of ${characters}`)
    }
    this.#secret = secret
    return secret
  }
}

function unreadable(detail: string, cause?: unknown): CredenceError {
  return new CredenceError({ code: 'KEY_UNREADABLE', title: 'No key', detail, status: null, cause })
}
