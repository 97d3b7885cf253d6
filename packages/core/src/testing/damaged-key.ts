/** A key with its last character changed, so that its checksum is wrong, whatever that character is. */
export function damagedKey(key: string): string {
  return `${key.slice(0, -1)}${key.endsWith('x') ? 'y' : 'x'}`
}
