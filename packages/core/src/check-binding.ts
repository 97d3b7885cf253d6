import { redeemableAssertion } from './client-assertion.ts'
import { checkContentDigest } from './content-digest.ts'
import type { DpopAnswer, Identity } from './decision.ts'
import { checkDpopProof, MAX_DPOP_LENGTH } from './dpop.ts'
import { headerOf, type Presented } from './extract.ts'
import { HEADERS_ONLY } from './find-caller.ts'
import { headerValues } from './headers.ts'
import type { Binding } from './records.ts'
import type { Redemptions } from './redemptions.ts'
import { signatureRefusal } from './signature-binding.ts'
import type { DenialCode } from './verdict.ts'
import type { Verifier, VerifyRequest } from './verify-request.ts'

/** What was presented, by whom, and how it is proven. */
export interface Proving {
  readonly identity: Identity
  readonly presented: Presented
  readonly request: VerifyRequest
  /** Null: the request brings nothing that could be redeemed. */
  readonly redemptions: Redemptions | null
}

export interface BindingRefusal {
  readonly code: DenialCode
  readonly detail: string
  readonly dpop: DpopAnswer | null
}

export type BindingResult =
  /** `dpop`: what the answer must say, though it is no refusal. */
  { readonly ok: true; readonly dpop: DpopAnswer | null } | ({ readonly ok: false } & BindingRefusal)

type Refused = Extract<BindingResult, { ok: false }>

/** Whether anything of this is to be checked: for most credentials nothing is. */
export function needsProof(isBound: boolean, { scheme }: Presented): boolean {
  return isBound || scheme === 'dpop'
}

/**
 * Whether whoever presents a credential holds the key that it is bound to. Its secret is proven by now.
 * @throws ReplayUnavailable when it cannot be known whether the proof was used before
 */
export async function checkBinding(
  proving: Proving,
  verifier: Verifier,
  nowMs: number,
): Promise<BindingResult> {
  const { binding } = proving.identity.credential
  if (binding === null) return unboundRefusal(proving)
  if (binding.type !== 'dpop' && proving.presented.scheme === 'dpop') {
    return refused('BINDING_MISMATCH', `presented by the scheme DPoP, and bound by ${binding.type}`)
  }
  switch (binding.type) {
    case 'dpop':
      return checkDpop(proving, binding.thumbprint, verifier, nowMs)
    case 'mtls':
      return checkCertificate(proving, binding.thumbprint)
    case 'signature':
      return proving.identity.credential.kind === 'client_key'
        ? checkFirstUse(proving, binding.thumbprint)
        : checkSignature(proving, binding, nowMs)
  }
}

/** RFC 9449 section 7.1: under the scheme DPoP the key of the proof must be that of the credential, and here is none. */
function unboundRefusal({ presented }: Proving): Refused {
  return presented.scheme === 'dpop'
    ? refused('BINDING_MISMATCH', 'presented by the scheme DPoP, and bound to no key')
    : refused('BINDING_REQUIRED', 'the API takes bound credentials alone, and this one is bound to no key')
}

async function checkDpop(
  { presented, request, redemptions }: Proving,
  thumbprint: string,
  { dpopNonces: nonces }: Verifier,
  nowMs: number,
): Promise<BindingResult> {
  const nonce = nonces?.current(nowMs) ?? null
  const refusedBy = (
    code: DenialCode,
    detail: string,
    error: NonNullable<DpopAnswer['error']> = 'invalid_dpop_proof',
  ): Refused => ({ ok: false, code, detail, dpop: { error, nonce } })
  const proofs = headerValues(request.headers, 'dpop')
  if (proofs.length === 0) {
    const error = nonce === null ? 'invalid_token' : 'use_dpop_nonce'
    return refusedBy('BINDING_REQUIRED', 'bound by DPoP, and there is no DPoP header', error)
  }
  if (proofs.length > 1) return refusedBy('MALFORMED', 'DPoP stands more than once')
  if (proofs[0]!.length > MAX_DPOP_LENGTH) return refusedBy('MALFORMED', 'DPoP is longer than a proof may be')
  // Section 7.2: who takes it as Bearer may take it without a proof elsewhere.
  if (presented.scheme === 'bearer') {
    const detail = 'bound by DPoP, and presented as Bearer: the scheme must be DPoP'
    return refusedBy('BINDING_MISMATCH', detail, 'invalid_token')
  }
  const { method } = request
  const uri = presentedUri(request)
  if (method === null || redemptions === null) {
    return refusedBy('BINDING_MISMATCH', 'the method of the request is not known')
  }
  if (!uri.known) return refusedBy('BINDING_MISMATCH', uri.problem)
  const known = `${uri.scheme}://${uri.authority}${uri.target}`
  const expected = { method, uri: known, credential: presented.value, thumbprint, nonces }
  const proof = checkDpopProof(proofs[0], expected, nowMs)
  if (!proof.ok) {
    const here = `; here it is ${known.split('?', 1)[0]}, by ${uri.saidBy}`
    return refusedBy(
      proof.code,
      proof.detail.includes('htu') ? proof.detail + here : proof.detail,
      proof.error,
    )
  }
  const used = await redemptions.refusal(proof.redeemable)
  if (used !== null) return refusedBy(used.code, `DPoP: ${used.detail}`)
  return { ok: true, dpop: nonce === null ? null : { error: null, nonce } }
}

/** RFC 8705 section 3: the handshake proved the key; what is left is whose certificate it was. */
function checkCertificate({ request }: Proving, thumbprint: string): BindingResult {
  const certificate = request.presenter?.certificate() ?? {
    type: 'none',
    detail: 'nothing is known of the connection',
  }
  switch (certificate.type) {
    case 'none':
      return refused('BINDING_REQUIRED', `bound to a client certificate: ${certificate.detail}`)
    case 'refused':
      return refused(certificate.code, certificate.detail)
    case 'shown':
      return certificate.thumbprint === thumbprint
        ? { ok: true, dpop: null }
        : refused('BINDING_MISMATCH', 'another client certificate than the one that it is bound to')
  }
}

/** A client assertion is signed by the key itself, as `secret` has found; what is left is that it counts once. */
async function checkFirstUse(
  { presented, redemptions }: Proving,
  thumbprint: string,
): Promise<BindingResult> {
  if (redemptions === null) {
    return refused('BINDING_MISMATCH', 'a client assertion counts once, and nobody here can tell')
  }
  const used = await redemptions.refusal(redeemableAssertion(presented.value, thumbprint))
  return used === null
    ? { ok: true, dpop: null }
    : refused(used.code, `client assertion: ${used.detail}${used.code === 'REPLAYED' ? '' : AFTER_A_START}`)
}

const AFTER_A_START =
  ', with iat: without it, it may be as old as five minutes, and is refused so long after a start'

async function checkSignature(
  { identity, presented, request, redemptions }: Proving,
  binding: Extract<Binding, { type: 'signature' }>,
  nowMs: number,
): Promise<BindingResult> {
  const { presenter, headers, method } = request
  const uri = presentedUri(request)
  if (presenter === null || method === null || redemptions === null) {
    return refused(
      'BINDING_MISMATCH',
      'bound to a key that signs requests, and the request is not known whole',
    )
  }
  if (!uri.known) return refused('BINDING_MISMATCH', uri.problem)
  const { scheme, authority, target } = uri
  const hasContent = presenter.hasContent()
  const credentialHeader = headerOf(presented, headers, identity.api ?? HEADERS_ONLY)
  const signed = signatureRefusal(
    { method, scheme, authority, target, headers },
    binding,
    { credentialHeader, hasContent },
    nowMs,
  )
  if (!signed.ok) return refused(signed.code, signed.detail)
  if (hasContent) {
    // Last of what can be checked: only whoever holds the key makes us hold content.
    const content = await presenter.content()
    if ('code' in content) return refused(content.code, content.detail)
    const digest = checkContentDigest(headers, content)
    if (!digest.ok) return refused(digest.code, `signature: ${digest.detail}`)
  }
  const used = await redemptions.refusal(signed.redeemable)
  return used === null ? { ok: true, dpop: null } : refused(used.code, `signature: ${used.detail}`)
}

function presentedUri({ presenter }: VerifyRequest) {
  return (
    presenter?.uri() ?? ({ known: false, problem: 'the URI that the client called is not known' } as const)
  )
}

function refused(code: DenialCode, detail: string): Refused {
  return { ok: false, code, detail, dpop: null }
}
