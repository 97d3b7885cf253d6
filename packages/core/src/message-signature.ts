import { createHash } from 'node:crypto'
import { type InnerList, type Item, serializeInnerList, serializeItem } from 'structured-headers'
import { headerValues, type RawHeaders } from './headers.ts'
import type { VerificationKey } from './jwk.ts'
import type { JwsAlgorithmName } from './jws-algorithm.ts'
import { signatureVerifies } from './jws-signature.ts'
import { componentValue, type ParsedParts, type SignedRequest } from './message-component.ts'
import { bytesOf, readDictionary } from './structured-field.ts'

/** RFC 9421 section 3.3, and the algorithm of JWS that is the same to the byte. */
const ALGORITHMS = {
  'rsa-pss-sha512': 'PS512',
  'rsa-v1_5-sha256': 'RS256',
  'hmac-sha256': 'HS256',
  'ecdsa-p256-sha256': 'ES256',
  'ecdsa-p384-sha384': 'ES384',
  ed25519: 'Ed25519',
} as const satisfies Record<string, JwsAlgorithmName>

export type MessageAlgorithm = keyof typeof ALGORITHMS
export const MESSAGE_ALGORITHMS = Object.keys(ALGORITHMS) as MessageAlgorithm[]

/** Most signatures of one request, and components of one signature: what is looked at is chosen by the sender. */
export const MAX_SIGNATURES = 8
export const MAX_COMPONENTS = 64
const MAX_TEXT_LENGTH = 256

/** One signature of a request, read and not verified. */
export interface UnverifiedSignature {
  readonly label: string
  readonly components: readonly Item[]
  readonly parameters: SignatureParameters
  /** What stands behind `"@signature-params": ` in the base. */
  readonly signatureParams: string
  readonly signature: Uint8Array
}

/** RFC 9421 section 2.3; what is absent is null. Times are seconds since the epoch, by the signer's clock. */
export interface SignatureParameters {
  readonly created: number | null
  readonly expires: number | null
  readonly nonce: string | null
  readonly alg: string | null
  readonly keyid: string | null
  readonly tag: string | null
}

/** Null: neither of the two headers is there. A text: what is wrong with them. */
export function readSignatures(headers: RawHeaders): readonly UnverifiedSignature[] | string | null {
  const inputLines = headerValues(headers, 'signature-input')
  const signatureLines = headerValues(headers, 'signature')
  if (inputLines.length === 0 && signatureLines.length === 0) return null
  const inputs = readDictionary(inputLines.join(', '))
  const signatures = readDictionary(signatureLines.join(', '))
  if (inputs === null) return 'Signature-Input is not a dictionary'
  if (signatures === null) return 'Signature is not a dictionary'
  if (inputs.size > MAX_SIGNATURES) return `more than ${MAX_SIGNATURES} signatures`
  // Section 4.1: each label is in both.
  if (inputs.size !== signatures.size) return 'Signature-Input and Signature do not name the same signatures'
  const read: UnverifiedSignature[] = []
  for (const [label, input] of inputs) {
    const signature = bytesOf(signatures.get(label))
    if (signature === null) return 'a signature is not a byte sequence'
    const one = readSignature(label, input, signature)
    if (typeof one === 'string') return one
    read.push(one)
  }
  return read
}

function readSignature(
  label: string,
  input: Item | InnerList,
  signature: Uint8Array,
): UnverifiedSignature | string {
  const [components, given] = input
  if (!Array.isArray(components)) return 'a member of Signature-Input is no list of components'
  if (components.length > MAX_COMPONENTS) return `more than ${MAX_COMPONENTS} components`
  const identifiers = new Set(components.map(identifierOf))
  if (identifiers.size !== components.length) return 'a component is covered twice'
  const parameters = readParameters(given)
  if (parameters === null) return 'a parameter of a signature is unknown, of another type, or too long'
  return {
    label,
    components,
    parameters,
    signatureParams: serializeInnerList([components, given]),
    signature,
  }
}

/** The order of a component's parameters does not make it another (section 2). */
function identifierOf([name, parameters]: Item): string {
  const sorted = [...parameters].sort(([a], [b]) => (a < b ? -1 : 1))
  return serializeItem([name, new Map(sorted)])
}

const PARAMETER_TYPES: ReadonlyMap<string, 'number' | 'string'> = new Map([
  ['created', 'number'],
  ['expires', 'number'],
  ['nonce', 'string'],
  ['alg', 'string'],
  ['keyid', 'string'],
  ['tag', 'string'],
])

/** A parameter that is not known may change what the signature means, so the signature is refused. */
function readParameters(given: ReadonlyMap<string, unknown>): SignatureParameters | null {
  const read: Record<string, unknown> = {
    created: null,
    expires: null,
    nonce: null,
    alg: null,
    keyid: null,
    tag: null,
  }
  for (const [name, value] of given) {
    const type = PARAMETER_TYPES.get(name)
    if (type === undefined || typeof value !== type) return null
    if (typeof value === 'number' && !Number.isSafeInteger(value)) return null
    if (typeof value === 'string' && value.length > MAX_TEXT_LENGTH) return null
    read[name] = value
  }
  return read as unknown as SignatureParameters
}

export type SignatureBase =
  | { readonly ok: true; readonly base: string }
  | { readonly ok: false; readonly problem: string }

/** What is signed (RFC 9421 section 2.5). */
export function signatureBase(
  request: SignedRequest,
  { components, signatureParams }: Pick<UnverifiedSignature, 'components' | 'signatureParams'>,
): SignatureBase {
  const parsed: ParsedParts = { dictionaries: new Map(), query: null }
  let base = ''
  for (const component of components) {
    const value = componentValue(request, component, parsed)
    if (!value.ok) return value
    base += `${serializeItem(component)}: ${value.value}\n`
  }
  return { ok: true, base: `${base}"@signature-params": ${signatureParams}` }
}

/** Whether the signature is that algorithm's of the base, under the key. */
export function messageSignatureVerifies(
  algorithm: MessageAlgorithm,
  key: VerificationKey,
  base: string,
  signature: Uint8Array,
): boolean {
  const name = ALGORITHMS[algorithm]
  const isFor = key.algorithms.includes(name) || (name === 'Ed25519' && key.algorithms.includes('EdDSA'))
  return isFor && signatureVerifies(name, key, Buffer.from(base, 'latin1'), signature)
}

/** Tells requests apart that carry no nonce: whatever is signed, the time included. */
export function baseDigest(base: string): string {
  return createHash('sha256').update(base, 'latin1').digest('base64url')
}
