import { keyKindOf } from '../key.ts'
import type { Kind } from './kind.ts'
import { proveSealedSecret } from './sealed-secret.ts'

/** API keys, in the format of key.ts; the design calls for nothing but the key itself. */
export const apiKeyKind: Kind = {
  kind: 'api_key',
  recognizes: ({ scheme, value }) => scheme !== 'basic' && keyKindOf(value) === 'api_key',
  prove: ({ value }, context) => proveSealedSecret('api_key', value, context),
}
