import { type IssuerDecryption, JWE_ENCRYPTION_NAMES, type Jwk, MAX_DECRYPTION_KEYS } from '@credence/core'
import { type Static, Type } from 'typebox'
import { GENERATED_ALGORITHMS, type GivenDecryption } from '../operations/decryption-fields.ts'
import { OneOf, Strict, Text } from './schemas.ts'

const Encryptions = Type.Array(OneOf(JWE_ENCRYPTION_NAMES), {
  minItems: 1,
  maxItems: JWE_ENCRYPTION_NAMES.length,
  description: 'What `enc` may say; left out: all that there are.',
})
const JwkShape = Type.Unsafe<Jwk>({ type: 'object', maxProperties: 50, additionalProperties: true })

export const DecryptionShape = Strict(
  {
    generate: Type.Optional({
      ...OneOf(GENERATED_ALGORITHMS),
      description: 'Make a key pair for this algorithm. Its public half is in the answer, for the issuer.',
    }),
    jwks: Type.Optional(
      Strict(
        { keys: Type.Array(JwkShape, { minItems: 1, maxItems: MAX_DECRYPTION_KEYS }) },
        { description: 'Private keys or secrets, each with its `kid` and `alg`. Never shown again.' },
      ),
    ),
    keep: Type.Optional(
      Type.Array(Text(256), {
        maxItems: MAX_DECRYPTION_KEYS,
        description: '`kid` of keys that the issuer has and that stay; every other one goes.',
      }),
    ),
    encryptions: Type.Optional(Encryptions),
  },
  {
    description:
      'Keys by which its tokens (JWE) are decrypted: those that are made, given and kept. Null: none.',
  },
)

export const ShownDecryptionShape = Strict({
  jwks: Strict(
    { keys: Type.Array(JwkShape) },
    { description: 'Public keys to encrypt with; of secrets, which they are.' },
  ),
  encryptions: Encryptions,
})

export function decryptionFromJson(json: Static<typeof DecryptionShape>): GivenDecryption {
  const { generate = null, jwks, keep = [], encryptions } = json
  return {
    ...{ generate, keys: jwks?.keys ?? [], keep: [...new Set(keep)] },
    encryptions: encryptions === undefined ? null : [...new Set(encryptions)],
  }
}

/** What is secret of the keys is in no answer. */
export function decryptionToJson({
  keys,
  encryptions,
}: IssuerDecryption): Static<typeof ShownDecryptionShape> {
  return { jwks: { keys: [...keys] }, encryptions: [...encryptions] }
}
