import { openMemoryStore } from '../store/memory.ts'
import type { Store, Write } from '../store/port.ts'

export interface MeddledStore {
  readonly store: Store
  /** Runs `meddle` once, right before the next write with this action: between what it checked and its commit. */
  before(action: string, meddle: () => Promise<unknown>): void
}

/** A memory store in which a test can lose a race on purpose. */
export function openMeddledStore(): MeddledStore {
  const memory = openMemoryStore()
  const meddles = new Map<string, () => Promise<unknown>>()
  const commit = async (write: Write) => {
    const meddle = meddles.get(write.audit.action)
    meddles.delete(write.audit.action)
    await meddle?.()
    return memory.commit(write)
  }
  const store = new Proxy<Store>(memory, {
    get(target, name: keyof Store) {
      if (name === 'commit') return commit
      const member: unknown = target[name]
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  return { store, before: (action, meddle) => void meddles.set(action, meddle) }
}
