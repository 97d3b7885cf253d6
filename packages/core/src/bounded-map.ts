/**
 * A map that holds at most `maxEntries`, forgetting what was not used for longest, roughly: entries live in
 * two generations, a hit in the old one moves to the young, and when the young is full the old one is dropped.
 * Constant time, no list to keep, and a scan of unknown keys pushes out at most what nobody asked for.
 */
export class BoundedMap<K, V> {
  #young = new Map<K, V>()
  #old = new Map<K, V>()
  #youngSize = 0
  readonly #generationEntries: number
  readonly #generationSize: number
  readonly #sizeOf: ((value: V) => number) | null
  readonly #onTurn: ((forgotten: Iterable<V>) => void) | null

  /**
   * @param maxEntries at least 2
   * @param maxSize most that the values may come to together, as `sizeOf` measures them; no value of more than
   *   half of it is kept. What an entry is replaced by or deleted counts until its generation is dropped.
   * @param onTurn told when the young generation becomes the old one, with the values forgotten then or by clear()
   */
  constructor(
    maxEntries: number,
    maxSize = Number.POSITIVE_INFINITY,
    sizeOf?: (value: V) => number,
    onTurn?: (forgotten: Iterable<V>) => void,
  ) {
    this.#generationEntries = Math.max(1, Math.floor(maxEntries / 2))
    this.#generationSize = maxSize / 2
    this.#sizeOf = sizeOf ?? null
    this.#onTurn = onTurn ?? null
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) {
      this.#old.delete(key)
      this.set(key, old)
    }
    return old
  }

  set(key: K, value: V): void {
    this.#old.delete(key)
    const size = this.#sizeOf === null ? 0 : this.#sizeOf(value)
    if (size > this.#generationSize) {
      this.#young.delete(key)
      return
    }
    const isFull = this.#young.size >= this.#generationEntries && !this.#young.has(key)
    if (isFull || this.#youngSize + size > this.#generationSize) {
      this.#onTurn?.(this.#old.values())
      this.#old = this.#young
      this.#old.delete(key)
      this.#young = new Map()
      this.#youngSize = 0
    }
    this.#young.set(key, value)
    this.#youngSize += size
  }

  delete(key: K): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  clear(): void {
    this.#onTurn?.(this.#young.values())
    this.#onTurn?.(this.#old.values())
    this.#young.clear()
    this.#old.clear()
    this.#youngSize = 0
  }
}
