import { after } from 'node:test'

/**
 * A closing that happens once: when the test calls it, or at the end of the test that is running. A server that a
 * failed assertion left open would keep its file from ending, and hide the failure behind a time-out.
 */
export function closedAfter(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | null = null
  const once = () => {
    closing ??= close()
    return closing
  }
  after(once)
  return once
}
