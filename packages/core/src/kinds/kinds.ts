import { accessTokenKind } from './access-token.ts'
import { apiKeyKind } from './api-key.ts'
import { basicKind } from './basic.ts'
import { clientKeyKind } from './client-key.ts'
import { clientSecretKind } from './client-secret.ts'
import { jwtKind } from './jwt.ts'
import type { Kind } from './kind.ts'

/** The kinds in the order in which they are asked. Only "not mine" moves on to the next. */
export const KINDS: readonly Kind[] = [
  apiKeyKind,
  clientSecretKind,
  clientKeyKind,
  basicKind,
  accessTokenKind,
  jwtKind,
]
