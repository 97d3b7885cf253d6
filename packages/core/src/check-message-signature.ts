import type { Item } from 'structured-headers'
import type { VerificationKey } from './jwk.ts'
import type { SignedRequest } from './message-component.ts'
import {
  baseDigest,
  type MessageAlgorithm,
  messageSignatureVerifies,
  readSignatures,
  type SignatureParameters,
  signatureBase,
  type UnverifiedSignature,
} from './message-signature.ts'
import {
  PROOF_WINDOW,
  type ProofWindow,
  proofTimeProblem,
  type Redeemable,
  redeemable,
} from './proof-window.ts'
import type { DenialCode } from './verdict.ts'

export interface ExpectedMessageSignature {
  /** The key that must have signed: the one that the credential is bound to. */
  readonly key: VerificationKey
  /** The algorithm is the key's; what the message says may only agree. */
  readonly algorithm: MessageAlgorithm
  /** Names the key in the scope of the replay guard. */
  readonly thumbprint: string
  /** What `keyid` must be where the signature has one; null: anything. */
  readonly keyId: string | null
  /** What `tag` must be, or be absent. */
  readonly tag: string | null
  /** The header that the credential came in, in lower case; null where it came in none. */
  readonly credentialHeader: string | null
  /** With content, Content-Digest must be covered; checkContentDigest then says whether it is of the content. */
  readonly hasContent: boolean
  readonly isNonceDemanded: boolean
  /** Further components that must be covered, by name. */
  readonly alsoCovered?: readonly string[]
  readonly window?: ProofWindow
}

export type MessageSignatureResult =
  | {
      readonly ok: true
      readonly label: string
      readonly parameters: SignatureParameters
      /** What the replay guard is to be asked for; unless that is the first, the signature is REPLAYED. */
      readonly redeemable: Redeemable
    }
  /** `detail` is for the operator, and quotes no value of the request. */
  | { readonly ok: false; readonly code: DenialCode; readonly detail: string }

/**
 * Whether a request is signed by a key (RFC 9421 section 3.2). What must be covered is decided here and never by
 * the signer: a signature over less is one that was made for something else. Takes any request; never throws.
 */
export function checkMessageSignature(
  request: SignedRequest,
  expected: ExpectedMessageSignature,
  nowMs: number,
): MessageSignatureResult {
  const signatures = readSignatures(request.headers)
  if (signatures === null) return refused('the request is not signed', 'BINDING_REQUIRED')
  if (typeof signatures === 'string') return refused(signatures)
  const candidates = signatures.filter(({ parameters }) => isMeant(parameters, expected))
  // To try one after the other would let the sender choose how much work a request is.
  if (candidates.length !== 1) return refused('not exactly one signature has the keyid and tag that count')
  const signature = candidates[0]!
  const problem =
    coverageProblem(request, signature, expected) ?? parameterProblem(signature, expected, nowMs)
  if (problem !== null) return refused(problem)
  const base = signatureBase(request, signature)
  if (!base.ok) return refused(base.problem)
  if (!messageSignatureVerifies(expected.algorithm, expected.key, base.base, signature.signature)) {
    return refused('the signature is not that of the key')
  }
  const { label, parameters } = signature
  // Never the signature itself: of one by ECDSA, anybody can make a second.
  const id = parameters.nonce === null ? `base:${baseDigest(base.base)}` : `nonce:${parameters.nonce}`
  const scope = `signature:${expected.thumbprint}`
  const once = redeemable(scope, id, parameters.created ?? 0, expected.window ?? PROOF_WINDOW)
  return { ok: true, label, parameters, redeemable: once }
}

function isMeant({ keyid, tag }: SignatureParameters, expected: ExpectedMessageSignature): boolean {
  return (expected.keyId === null || keyid === null || keyid === expected.keyId) && tag === expected.tag
}

function coverageProblem(
  { target }: SignedRequest,
  { components }: UnverifiedSignature,
  expected: ExpectedMessageSignature,
): string | null {
  const covered = new Set(components.filter(isWhole).map(([name]) => name))
  const path = target.includes('?') ? ['@path', '@query'] : ['@path']
  const isPathCovered = covered.has('@request-target') || path.every((name) => covered.has(name))
  if (!covered.has('@target-uri') && !(covered.has('@authority') && isPathCovered)) {
    return 'the target is not covered: @target-uri, or @authority with @path and, where there is one, @query'
  }
  const needed = ['@method', ...(expected.alsoCovered ?? [])]
  if (expected.credentialHeader !== null) needed.push(expected.credentialHeader)
  if (expected.hasContent) needed.push('content-digest')
  const missing = needed.find((name) => !covered.has(name))
  return missing === undefined ? null : `${missing} is not covered`
}

/** With `key`, one member of a field is covered and the rest of it is anybody's. */
function isWhole([, parameters]: Item): boolean {
  return !parameters.has('key') && !parameters.has('name')
}

function parameterProblem(
  { parameters }: UnverifiedSignature,
  expected: ExpectedMessageSignature,
  nowMs: number,
): string | null {
  const { created, expires, nonce, alg } = parameters
  if (alg !== null && alg !== expected.algorithm) return 'alg is not the algorithm of the key'
  if (created === null) return 'without created'
  const timeProblem = proofTimeProblem(created, expected.window ?? PROOF_WINDOW, nowMs)
  if (timeProblem !== null) return `created is ${timeProblem}`
  if (expires !== null && expires * 1000 <= nowMs) return 'expires is past'
  return expected.isNonceDemanded && (nonce === null || nonce === '')
    ? 'without the nonce that is demanded'
    : null
}

function refused(detail: string, code: DenialCode = 'BINDING_MISMATCH'): MessageSignatureResult {
  return { ok: false, code, detail: `signature: ${detail}` }
}
