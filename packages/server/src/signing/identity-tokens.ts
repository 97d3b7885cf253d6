import {
  type ApiRecord,
  type CredentialRecord,
  type Decision,
  type OwnTokens,
  type PrincipalRecord,
  type RandomBytes,
  randomBase62,
  type SigningKey,
  signJwt,
} from '@credence/core'
import type { PublishedKeys } from './published-keys.ts'

/**
 * `typ` of an identity token: its own, so that it is never taken for an access token, by us or by anybody who checks
 * `typ` (RFC 8725 section 3.11).
 */
export const IDENTITY_TOKEN_TYPE = 'credence-identity+jwt'

/** How long it counts: a request on its way, clocks that differ, and little else. Seconds. */
const LIFE_SECONDS = 60
/** How long one is handed on again, so that not every request of a caller has one signed. Milliseconds. */
const REUSED_MS = 30_000

/** The last token that was signed for a credential, and what it says. */
interface Signed {
  readonly token: string
  readonly kid: string
  readonly api: ApiRecord
  readonly principal: PrincipalRecord
  readonly version: number | null
  readonly scopes: string
  readonly signedAtMs: number
}

export interface IdentityTokensOptions {
  readonly publishedKeys: Pick<PublishedKeys, 'signer'>
  readonly ownTokens: OwnTokens
  readonly clock: () => number
  readonly randomBytes: RandomBytes
}

/** Tells an upstream who is calling, in words that it can verify. None of them is kept anywhere. */
export class IdentityTokens {
  readonly #options: IdentityTokensOptions
  /** By the record as read: where it changed there is another one, and so another token. */
  readonly #signed = new WeakMap<CredentialRecord, Signed>()

  constructor(options: IdentityTokensOptions) {
    this.#options = options
  }

  /** A JWT about whoever was allowed; null: nobody was asked, or nothing can be signed here. */
  tokenFor(decision: Decision): string | null {
    const { publishedKeys, clock } = this.#options
    const { api, credential, principal } = decision
    const key = publishedKeys.signer
    if (api === null || credential === null || principal === null || key === null) return null
    const nowMs = clock()
    const scopes = decision.scopes.join(' ')
    const { version } = decision
    const facts = { kid: key.kid, api, principal, version, scopes, signedAtMs: nowMs }
    const before = this.#signed.get(credential)
    if (before !== undefined && decision.staleSeconds === null && holds(before, facts)) return before.token
    const token = this.#sign(key, { ...decision, api, credential, principal }, scopes, nowMs)
    if (token !== null && decision.staleSeconds === null) this.#signed.set(credential, { ...facts, token })
    return token
  }

  #sign(
    key: SigningKey,
    { api, credential, principal, version, staleSeconds }: Known,
    scopes: string,
    nowMs: number,
  ): string | null {
    const { ownTokens, randomBytes } = this.#options
    const iss = ownTokens.issuerOf(api.workspaceId)
    if (iss === null) return null
    const iat = Math.floor(nowMs / 1000)
    return signJwt(key, IDENTITY_TOKEN_TYPE, {
      ...{ iss, aud: api.audience, sub: principal.id, client_id: principal.id },
      ...{ iat, exp: iat + LIFE_SECONDS, jti: randomBase62(22, randomBytes) },
      ...(scopes !== '' && { scope: scopes }),
      ...{ credential: credential.id, credential_kind: credential.kind, credential_version: version },
      ...{ name: principal.name, workspace: principal.workspaceId },
      ...(principal.externalId !== null && { external_id: principal.externalId }),
      ...(staleSeconds !== null && { stale_seconds: staleSeconds }),
    })
  }
}

type Known = Decision & {
  readonly api: ApiRecord
  readonly credential: CredentialRecord
  readonly principal: PrincipalRecord
}

function holds(before: Signed, now: Omit<Signed, 'token'>): boolean {
  const ageMs = now.signedAtMs - before.signedAtMs
  return (
    ageMs >= 0 &&
    ageMs < REUSED_MS &&
    before.kid === now.kid &&
    before.api === now.api &&
    before.principal === now.principal &&
    before.version === now.version &&
    before.scopes === now.scopes
  )
}
