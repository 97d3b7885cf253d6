import type { Decision } from '@credence/core'

/** What follows the id in a key: secret and checksum. */
const AFTER_ID = '[0-9A-Za-z]{38}'

/** Whether a text holds a key of the credential that was verified, in plain. Most texts do not even hold its id. */
export function holdsProvenKey(text: string, { credential }: Pick<Decision, 'credential'>): boolean {
  if (credential === null || !text.includes(credential.id)) return false
  // Not by its prefix and what stands around it: `%22crd_live_…` is as good a place for it as any.
  return new RegExp(`_${credential.id}${AFTER_ID}`).test(text)
}

/**
 * A header in which nobody looks for a credential, for the upstream: without the verified key, should it stand there
 * too. Null: nothing is left of it. Of cookies only the one that holds it goes.
 */
export function withoutProvenKey(name: string, value: string, decision: Decision): string | null {
  if (!holdsProvenKey(value, decision)) return value
  if (name !== 'cookie') return null
  const kept = value.split(';').filter((pair) => !holdsProvenKey(pair, decision))
  return kept.join(';').trim() || null
}
