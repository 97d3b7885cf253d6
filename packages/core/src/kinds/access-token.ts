import { keyKindOf } from '../key.ts'
import type { Kind } from './kind.ts'
import { proveSealedSecret } from './sealed-secret.ts'

/** Our own access tokens: narrower and shorter than the credential that each came from, and dead with it. */
export const accessTokenKind: Kind = {
  kind: 'access_token',
  claims: ({ scheme, value }) =>
    (scheme === 'bearer' || scheme === 'key') && keyKindOf(value) === 'access_token',
  prove: ({ value }, context) => proveSealedSecret('access_token', value, context),
}
