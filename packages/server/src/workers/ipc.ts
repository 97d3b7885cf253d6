import { StoreFault } from '../store/port.ts'
import type { Link } from './link.ts'

/** A service as the other process sees it: what its methods answer, or a StoreFault. */
export type Remote<S> = {
  readonly [M in keyof S as S[M] extends (...args: never[]) => Promise<unknown> ? M : never]: S[M]
}

type Call = {
  readonly id: number
  readonly service: string
  readonly method: string
  readonly args: readonly unknown[]
}
type Reply =
  | { readonly to: number; readonly ok: true; readonly value: unknown }
  /** `message` says what went wrong, in words that hold no secret. */
  | { readonly to: number; readonly ok: false; readonly message: string }
/** What crosses: everything that was said within one turn of the event loop. */
type Batch = readonly (Call | Reply)[]

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** Calls that may be under way in one direction, so that memory stays bounded when the other side stands still. */
const MAX_IN_FLIGHT = 8192

/**
 * Calls between two processes of one node, in both directions over one link. A call that was sent and whose reply
 * did not come before the link ended is rejected, its outcome unknown. The other side is this same program: what it
 * sends is not checked, only its faults are expected.
 */
export class Channel {
  readonly #link: Link
  readonly #maxInFlight: number
  readonly #services = new Map<string, object>()
  readonly #pending = new Map<number, Pending>()
  readonly #ended = Promise.withResolvers<void>()
  #outgoing: (Call | Reply)[] = []
  #isOpen = true
  #lastId = 0

  constructor(link: Link, maxInFlight: number = MAX_IN_FLIGHT) {
    this.#link = link
    this.#maxInFlight = maxInFlight
    link.receive((batch) => {
      for (const message of batch as Batch) {
        if ('to' in message) this.#settle(message)
        else void this.#answer(message)
      }
    })
    link.ended(() => this.#end())
  }

  /** Resolves when nothing crosses any more. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Answers calls for `name` with the methods of `service` that return promises. */
  serve(name: string, service: object): void {
    this.#services.set(name, service)
  }

  /** The service that the other side serves under `name`. */
  remote<S>(name: string): Remote<S> {
    const get = (_target: object, method: string | symbol) =>
      // Whoever awaits the service itself asks it for `then`.
      typeof method === 'string' && method !== 'then'
        ? (...args: unknown[]) => this.#call(name, method, args)
        : undefined
    return new Proxy({}, { get }) as Remote<S>
  }

  #call(service: string, method: string, args: readonly unknown[]): Promise<unknown> {
    if (!this.#isOpen) return Promise.reject(new StoreFault('The process that does this is gone'))
    if (this.#pending.size >= this.#maxInFlight) {
      const problem = `The process that does this is busy: ${this.#maxInFlight} calls are waiting`
      return Promise.reject(new StoreFault(problem))
    }
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      this.#pending.set(id, { resolve, reject })
      this.#say({ id, service, method, args })
    })
  }

  async #answer({ id, service, method, args }: Call): Promise<void> {
    try {
      const served = this.#services.get(service) as
        | Record<string, (...args: readonly unknown[]) => Promise<unknown>>
        | undefined
      if (served === undefined) throw new StoreFault(`There is no ${service} here`)
      this.#say({ to: id, ok: true, value: await served[method]!(...args) })
    } catch (error) {
      this.#say({ to: id, ok: false, message: messageOf(error) })
    }
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.to)
    this.#pending.delete(reply.to)
    if (reply.ok) pending?.resolve(reply.value)
    else pending?.reject(new StoreFault(reply.message))
  }

  /** What is said within one turn crosses together: each message costs a system call at both ends. */
  #say(message: Call | Reply): void {
    if (this.#outgoing.length === 0) setImmediate(() => this.#send())
    this.#outgoing.push(message)
  }

  #send(): void {
    const batch = this.#outgoing
    this.#outgoing = []
    if (!this.#isOpen) return
    try {
      this.#link.send(batch)
    } catch {
      // One of them cannot be copied to another process. Only that one fails.
      for (const message of batch) this.#sendAlone(message)
    }
  }

  #sendAlone(message: Call | Reply): void {
    try {
      this.#link.send([message])
    } catch (error) {
      if ('to' in message) this.#link.send([{ to: message.to, ok: false, message: messageOf(error) }])
      else this.#settle({ to: message.id, ok: false, message: messageOf(error) })
    }
  }

  #end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    const waiting = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of waiting) reject(new StoreFault('The process that was doing this ended'))
    this.#ended.resolve()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'It failed without saying why'
}
