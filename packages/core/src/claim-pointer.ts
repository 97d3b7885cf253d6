/** Deepest and longest pointer that is taken. */
const MAX_STEPS = 16
const MAX_LENGTH = 512
const INDEX = /^(?:0|[1-9][0-9]{0,5})$/

/**
 * The steps to a claim, or null: not a pointer. Text that begins with `/` is a JSON Pointer (RFC 6901), all other is the
 * name of one claim as it stands. So names with dots and slashes, which are common (`kubernetes.io`,
 * `https://example.com/roles`), mean one thing only, where a path with dots would have to guess.
 */
export function parseClaimPointer(text: string): readonly string[] | null {
  if (text === '' || text.length > MAX_LENGTH) return null
  if (!text.startsWith('/')) return [text]
  const steps = text.slice(1).split('/')
  // RFC 6901 section 3: `~` stands only in ~0 and ~1.
  if (steps.length > MAX_STEPS || /~(?![01])/.test(text)) return null
  return steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** What stands there, or undefined. Own members only: `constructor` is no claim unless the token has one. */
export function claimAt(claims: Readonly<Record<string, unknown>>, pointer: string): unknown {
  const steps = parseClaimPointer(pointer)
  if (steps === null) return undefined
  let value: unknown = claims
  for (const step of steps) {
    if (typeof value !== 'object' || value === null) return undefined
    if (Array.isArray(value)) value = INDEX.test(step) ? value[Number(step)] : undefined
    else value = Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined
  }
  return value
}
