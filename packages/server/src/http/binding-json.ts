import {
  type Binding,
  certificateThumbprint,
  DPOP_ALGORITHMS,
  isThumbprint,
  type Jwk,
  jwkThumbprint,
  readJwk,
} from '@credence/core'
import { type Static, Type } from 'typebox'
import { type Reading, read, unreadable } from '../operations/reading.ts'
import { derFrom } from './certificate-text.ts'
import { OneOf, Strict } from './schemas.ts'

const JwkShape = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  maxProperties: 20,
  additionalProperties: true,
  description: 'A public key (RFC 7517) of kind EC, OKP or RSA.',
})

export const BindingInput = Strict(
  {
    type: OneOf(['dpop', 'mtls', 'signature']),
    jwk_thumbprint: Type.Optional(
      Type.String({ maxLength: 64, description: 'For `dpop`: SHA-256 of the key (RFC 7638), base64url.' }),
    ),
    jwk: Type.Optional(JwkShape),
    certificate_thumbprint: Type.Optional(
      Type.String({ maxLength: 64, description: 'For `mtls`: SHA-256 of the DER (RFC 8705), base64url.' }),
    ),
    certificate: Type.Optional(
      Type.String({ maxLength: 16_384, description: 'For `mtls`, instead: PEM, or DER in base64.' }),
    ),
  },
  {
    description:
      'The key without whose proof the credential is worth nothing: a DPoP proof (RFC 9449), the client certificate of the connection (RFC 8705), or a signature of the request (RFC 9421). Null: none. Of kind `client_key` it is the credential itself: `mtls`, or `signature` with the key that signs client assertions (RFC 7523).',
  },
)

export const BindingShape = Strict({
  type: OneOf(['dpop', 'mtls', 'signature']),
  jwk_thumbprint: Type.Optional(Type.String()),
  certificate_thumbprint: Type.Optional(Type.String()),
  jwk: Type.Optional(JwkShape),
})

type Input = Static<typeof BindingInput>
type Member = Exclude<keyof Input, 'type'>

/** Which members each type takes; exactly one of them is to be given. */
const MEMBERS = {
  dpop: ['jwk_thumbprint', 'jwk'],
  mtls: ['certificate_thumbprint', 'certificate'],
  signature: ['jwk'],
} as const satisfies Record<Input['type'], readonly Member[]>

export function bindingFromJson(json: Input | null | undefined): Reading<Binding | null> {
  if (json === undefined || json === null) return read(null)
  const { type } = json
  const takes: readonly Member[] = MEMBERS[type]
  const given = Object.keys(json).filter((name) => name !== 'type') as Member[]
  const foreign = given.find((name) => !takes.includes(name))
  if (foreign !== undefined) return unreadable(`binding.${foreign}`, `does not go with the type ${type}`)
  if (given.length !== 1) return unreadable('binding', `of the type ${type} takes ${takes.join(' or ')}`)
  const { jwk, jwk_thumbprint, certificate_thumbprint, certificate } = json
  if (jwk !== undefined) return boundToJwk(type, jwk)
  if (certificate !== undefined) return boundToCertificate(certificate)
  const thumbprint = jwk_thumbprint ?? certificate_thumbprint
  return isThumbprint(thumbprint) && type !== 'signature'
    ? read({ type, thumbprint })
    : unreadable(`binding.${given[0]}`, 'must be a SHA-256 in base64url: 43 characters, without padding')
}

function boundToCertificate(text: string): Reading<Binding> {
  const der = derFrom(text)
  return der === null
    ? unreadable('binding.certificate', 'must be one X.509 certificate, PEM or DER in base64')
    : read({ type: 'mtls', thumbprint: certificateThumbprint(der) })
}

/** Members that only whoever signs may have (RFC 7518 section 6). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
/** What is kept: the key, and what says how it is used. */
const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg']

function boundToJwk(type: Input['type'], jwk: Jwk): Reading<Binding> {
  const field = 'binding.jwk'
  const secret = PRIVATE_MEMBERS.find((name) => Object.hasOwn(jwk, name))
  if (secret !== undefined) {
    const detail = `holds ${secret}, which nobody but its owner may have: that key is known now. Make another, and give its public part`
    return unreadable(field, detail)
  }
  const reading = readJwk(jwk)
  const thumbprint = jwkThumbprint(jwk)
  if (!reading.ok) return unreadable(field, reading.problem)
  if (thumbprint === null) return unreadable(field, 'is no public key of kind EC, OKP or RSA')
  if (type === 'dpop') {
    const isFit = DPOP_ALGORITHMS.some((name) => reading.key.algorithms.includes(name))
    return isFit
      ? read({ type, thumbprint })
      : unreadable(field, `is for none of the algorithms ${DPOP_ALGORITHMS.join(', ')}`)
  }
  const members = PUBLIC_MEMBERS.filter((name) => Object.hasOwn(jwk, name))
  const key = Object.fromEntries(members.map((name) => [name, jwk[name]]))
  return read({ type: 'signature', thumbprint, key })
}

export function bindingToJson(binding: Binding | null): Static<typeof BindingShape> | null {
  switch (binding?.type) {
    case undefined:
      return null
    case 'dpop':
      return { type: 'dpop', jwk_thumbprint: binding.thumbprint }
    case 'mtls':
      return { type: 'mtls', certificate_thumbprint: binding.thumbprint }
    case 'signature':
      return { type: 'signature', jwk_thumbprint: binding.thumbprint, jwk: { ...binding.key } }
  }
}
