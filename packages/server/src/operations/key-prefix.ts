import { isKeyPrefix } from '@credence/core'

/** What a prefix of keys must be, for one that is not; else null. */
export function keyPrefixProblem(prefix: string): string | null {
  if (isKeyPrefix(prefix)) return null
  return 'must be lower-case letters and digits in parts joined by _, at most 32 characters, such as crd_test, and not end in _cs or _at, as those of client secrets and access tokens do'
}
