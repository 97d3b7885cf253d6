/** What an upstream is to bring: the head of its answer, or more of its body; null: it is somebody else's turn. */
export type Awaited = 'head' | 'body' | null

/** A request that was sent to an upstream and is not answered to the end. */
export interface Pending {
  awaited(): Awaited
  /** The look before which something moved last. Belongs to whoever watches, as does the place. */
  movedAtLook: number
  /** Where it stands among the others; null: it is not watched. */
  place: number | null
  /** Told once it has taken too long. */
  giveUp(): void
}

export interface SlowUpstreamsOptions {
  /** How long nothing of an answer may come. Milliseconds. */
  readonly headMs: number
  /** How long an answer that has begun may be silent. Milliseconds. */
  readonly bodyMs: number
  /** How often check() is called. Milliseconds. */
  readonly checkEveryMs: number
}

/**
 * Gives up on upstreams that bring nothing for too long. Time is counted in looks, so the clock need not be read for
 * each request, and time in which this process did not run is nobody's fault; whoever is given up on had its full time,
 * and at most one look more. Undici's own timers would cost three objects for each request, two of which live
 * for half a second: a twentieth of all that the gateway does.
 */
export class SlowUpstreams {
  readonly #looksFor: Readonly<Record<'head' | 'body', number>>
  /** From its beginning on without a gap; not a Set, whose tables, once outgrown, keep all alive that stood in them. */
  readonly #pending: (Pending | null)[] = []
  #count = 0
  #looks = 0

  constructor({ headMs, bodyMs, checkEveryMs }: SlowUpstreamsOptions) {
    this.#looksFor = { head: Math.ceil(headMs / checkEveryMs), body: Math.ceil(bodyMs / checkEveryMs) }
  }

  watch(pending: Pending): void {
    this.moved(pending)
    this.#put(pending, this.#count)
    this.#count += 1
  }

  /** The upstream brought something, or took something. */
  moved(pending: Pending): void {
    pending.movedAtLook = this.#looks
  }

  leave(pending: Pending): void {
    const { place } = pending
    if (place === null) return
    pending.place = null
    this.#count -= 1
    const last = this.#pending[this.#count]!
    this.#pending[this.#count] = null
    if (last !== pending) this.#put(last, place)
  }

  #put(pending: Pending, place: number): void {
    this.#pending[place] = pending
    pending.place = place
  }

  /** Looks at all that are pending; whoever made this calls it at an even pace. */
  check(): void {
    this.#looks += 1
    // From the end: whoever is given up leaves, and the last takes its place.
    for (let place = this.#count - 1; place >= 0; place -= 1) {
      const pending = this.#pending[place]!
      const awaited = pending.awaited()
      if (awaited === null) this.moved(pending)
      else if (this.#looks - pending.movedAtLook > this.#looksFor[awaited]) pending.giveUp()
    }
  }
}
