import { generateKeyPairSync, sign } from 'node:crypto'
import type { DecryptionKey } from '../decryption-key.ts'
import { JwsKeys } from '../jws-keys.ts'
import type { IssuerRecord } from '../records.ts'
import type { TrustedIssuers } from '../trusted-issuers.ts'
import { verify } from '../verify.ts'
import type { VerifyRequest } from '../verify-request.ts'
import { aRequest, Installation } from './installation.ts'
import { anApi, aPrincipal } from './records.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1' }

export function anIssuer(over: Partial<IssuerRecord> = {}): IssuerRecord {
  const { id: apiId, workspaceId, scopes } = anApi()
  return {
    ...{ id: 'iss_000000000001', workspaceId, revision: 1, createdAtMs: 1000, updatedAtMs: 1000 },
    ...{ name: 'sso', issuer: 'urn:sso', audience: 'urn:orders', apiId, algorithms: ['EdDSA'] },
    keySource: { type: 'jwks', keys: [jwk] },
    decryption: null,
    claims: {
      principal: { claim: 'sub', prefix: '' },
      scopes: { from: 'mapping', scopes },
      required: [],
    },
    ...{ types: null, clockSkewSeconds: 0, maxAgeSeconds: null, conditions: null, limits: [] },
    ...{ disabledAtMs: null, revokedBeforeMs: null, revokedTokens: [], revokedPrincipals: [] },
    ...over,
  }
}

/** An installation that trusts issuers, and counts how often their keys were asked for: once for each verification. */
export class Trusting extends Installation {
  keysAsked = 0
  /** How often keys to decrypt with were asked for: once for each issuer that an encrypted token may be of. */
  decryptionKeysAsked = 0
  /** Keys to decrypt with, by the id of their issuer; null: they cannot be read. */
  readonly decryptionKeys = new Map<string, readonly DecryptionKey[] | null>()
  readonly set = { keys: new JwsKeys([jwk]), current: true }
  readonly known: IssuerRecord[] = []
  readonly trusting = {
    ...this.verifier,
    issuers: {
      candidates: (issuer, api) =>
        this.known.filter((one) => one.issuer === issuer && (api === null || one.apiId === api.id)),
      keysOf: () => {
        this.keysAsked += 1
        return this.set
      },
      decrypting: (kid, api) =>
        this.known.filter(({ id, apiId }) => {
          const keys = this.decryptionKeys.get(id)
          if (keys === undefined || (api === null ? kid === null : apiId !== api.id)) return false
          return keys === null || kid === null || keys.some((key) => key.kid === kid)
        }),
      decryptionKeysOf: ({ id }) => {
        this.decryptionKeysAsked += 1
        return this.decryptionKeys.get(id) ?? null
      },
      principalIdOf: async (_workspaceId, name) => (name === aPrincipal().name ? aPrincipal().id : null),
    } satisfies TrustedIssuers,
  }

  trust(issuer: IssuerRecord): void {
    this.known.push(this.put('issuer', issuer))
  }

  token(over: object = {}): string {
    const seconds = Math.floor(this.nowMs / 1000)
    const claims = {
      iss: 'urn:sso',
      sub: aPrincipal().name,
      aud: 'urn:orders',
      iat: seconds,
      exp: seconds + 300,
    }
    const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const input = `${encoded({ alg: 'EdDSA', kid: 'k1' })}.${encoded({ ...claims, ...over })}`
    return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`
  }

  async codeOf(token: string, over: Partial<VerifyRequest> = {}): Promise<string> {
    return (await this.decide(token, over)).code
  }

  decide(token: string, over: Partial<VerifyRequest> = {}) {
    const api = anApi({ accepts: ['api_key', 'jwt'] })
    return verify(aRequest(token, { api, ...over }), this.trusting)
  }
}

export function trusting(over: Partial<IssuerRecord> = {}): Trusting {
  const here = new Trusting()
  here.put('api', anApi({ accepts: ['api_key', 'jwt'] }))
  here.trust(anIssuer(over))
  return here
}
