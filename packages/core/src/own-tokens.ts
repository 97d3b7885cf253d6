import { parseStrictJson } from './strict-json.ts'

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
    const start = token.indexOf('.') + 1
    const payload = Buffer.from(token.slice(start, token.indexOf('.', start)), 'base64url')
    // Most tokens are of other issuers, and are read in full soon enough; ours have no escapes in them.
    if (!payload.includes(this.#publicUrl)) return null
    const json = parseStrictJson(payload)
    if (!json.ok || typeof json.value !== 'object' || json.value === null) return null
    const issuer = Object.hasOwn(json.value, 'iss') ? (json.value as { iss: unknown }).iss : null
    return typeof issuer === 'string' && this.workspaceOf(issuer) !== null ? issuer : null
  }
}

/** Nothing is signed here. */
export const NO_OWN_TOKENS = new OwnTokens(null, '')
