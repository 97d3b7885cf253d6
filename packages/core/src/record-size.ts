/** What an object, a member and a number take, about: enough to bound memory, not to account for it. Bytes. */
const OBJECT_BYTES = 48
const MEMBER_BYTES = 8
const STRING_BYTES = 24

/** About how much memory a record takes, in bytes. Strings count with their length: nearly all hold ASCII. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return STRING_BYTES + value.length
  if (typeof value !== 'object' || value === null) return MEMBER_BYTES
  let bytes = OBJECT_BYTES
  for (const member of Object.values(value)) bytes += MEMBER_BYTES + sizeOf(member)
  return bytes
}
