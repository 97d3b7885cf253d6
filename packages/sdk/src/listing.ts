export interface Page<Item> {
  readonly items: readonly Item[]
  /** Null: this was the last page. */
  readonly next_cursor: string | null
}

/**
 * A list that is read as far as it is needed: `for await` goes through all items, page by page; `page()` reads the one
 * page that the query asks for.
 */
export class Listing<Item> implements AsyncIterable<Item> {
  readonly #read: (cursor: string | undefined) => Promise<Page<Item>>
  readonly #start: string | undefined

  /** @param read reads the page at a cursor */
  constructor(read: (cursor: string | undefined) => Promise<Page<Item>>, start: string | undefined) {
    this.#read = read
    this.#start = start
  }

  page(): Promise<Page<Item>> {
    return this.#read(this.#start)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for (let cursor = this.#start; ; ) {
      const { items, next_cursor: next } = await this.#read(cursor)
      yield* items
      // A server that repeats its cursor must not hold the loop for ever.
      if (next === null || next === cursor) return
      cursor = next
    }
  }
}
