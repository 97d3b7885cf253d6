import { openMemoryStore } from '../store/memory.ts'
import { type Store, StoreFault } from '../store/port.ts'

export interface FailingStore {
  readonly store: Store
  /** From now on every call but `close` is a StoreFault; with false, none is. */
  fail(fails: boolean): void
}

/** A memory store that a test can take away. */
export function openFailingStore(): FailingStore {
  let fails = false
  const store = new Proxy<Store>(openMemoryStore(), {
    get(target, name: keyof Store) {
      const member: unknown = target[name]
      if (typeof member !== 'function') return member
      if (name === 'close') return member.bind(target)
      return async (...args: unknown[]) => {
        if (fails) throw new StoreFault('taken away by the test')
        return member.apply(target, args)
      }
    },
  })
  return {
    store,
    fail: (now) => {
      fails = now
    },
  }
}
