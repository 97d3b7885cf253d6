import { readStrictJsonObject } from './strict-json.ts'
import { unverifiedPayload } from './unverified-payload.ts'

const WORKSPACES = '/workspaces/'

/**
 * Which JWTs call themselves ours, before anything of them is proven. Each workspace has an issuer of its own, so that
 * whoever checks `iss` and `aud`, as RFC 9068 section 4 demands, never takes the token of another one.
 */
export class OwnTokens {
  readonly #publicUrl: string | null
  readonly #defaultWorkspaceId: string

  /** @param publicUrl without a slash at its end; null: nothing is signed here */
  constructor(publicUrl: string | null, defaultWorkspaceId: string) {
    this.#publicUrl = publicUrl
    this.#defaultWorkspaceId = defaultWorkspaceId
  }

  /** `iss` of a workspace's tokens; null: none are signed. */
  issuerOf(workspaceId: string): string | null {
    if (this.#publicUrl === null || workspaceId === this.#defaultWorkspaceId) return this.#publicUrl
    return `${this.#publicUrl}${WORKSPACES}${workspaceId}`
  }

  /** The workspace whose tokens have this `iss`; null: it is not one of ours. */
  workspaceOf(issuer: string): string | null {
    if (this.#publicUrl === null) return null
    if (issuer === this.#publicUrl) return this.#defaultWorkspaceId
    const start = this.#publicUrl + WORKSPACES
    const workspaceId = issuer.startsWith(start) ? issuer.slice(start.length) : ''
    // There is one way to write each, and the default workspace has the other one.
    return workspaceId !== '' && issuer === this.issuerOf(workspaceId) ? workspaceId : null
  }

  /** The `iss` of a JWT that calls itself ours; null: it does not. Nothing about it is verified. */
  issuerIn(token: string): string | null {
    if (this.#publicUrl === null) return null
    const payload = unverifiedPayload(token)
    // Most tokens are of other issuers, and are read in full soon enough; ours have no escapes in them.
    if (!payload.includes(this.#publicUrl)) return null
    const claims = readStrictJsonObject(payload)
    const issuer = claims !== null && Object.hasOwn(claims, 'iss') ? claims.iss : null
    return typeof issuer === 'string' && this.workspaceOf(issuer) !== null ? issuer : null
  }
}

/** Nothing is signed here. */
export const NO_OWN_TOKENS = new OwnTokens(null, '')
