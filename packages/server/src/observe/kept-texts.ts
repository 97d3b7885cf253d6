/** Length of what is not among the bytes. */
const ELSEWHERE = 255

/**
 * A text for each of many places, as bytes. A string that lives for ten thousand requests is copied twice by the
 * collector of young objects, and two of them for each request were a twentieth of all work.
 */
export class KeptTexts {
  readonly #room: number
  readonly #bytes: Uint8Array
  readonly #lengths: Uint8Array
  /** By place, what is longer than its room or not ASCII. */
  readonly #others = new Map<number, string>()

  /** @param room bytes for each text, at most 254 */
  constructor(places: number, room: number) {
    this.#room = room
    this.#bytes = new Uint8Array(places * room)
    this.#lengths = new Uint8Array(places).fill(ELSEWHERE)
  }

  write(place: number, text: string | null): void {
    if (this.#others.size > 0) this.#others.delete(place)
    const isHere = text !== null && text.length <= this.#room && this.#writeAscii(place * this.#room, text)
    this.#lengths[place] = isHere ? text.length : ELSEWHERE
    if (!isHere && text !== null) this.#others.set(place, text)
  }

  read(place: number): string | null {
    const length = this.#lengths[place]!
    if (length === ELSEWHERE) return this.#others.get(place) ?? null
    const start = place * this.#room
    return String.fromCharCode(...this.#bytes.subarray(start, start + length))
  }

  /** False: it is not ASCII. */
  #writeAscii(start: number, text: string): boolean {
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) return false
      this.#bytes[start + index] = code
    }
    return true
  }
}
