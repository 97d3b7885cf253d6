import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import type { Cluster } from './cluster.ts'
import { expected, type Issued } from './protected.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const ISSUER = 'urn:cluster-test'
const AUDIENCE = 'https://orders.example'

/** Trusts, for the API `orders`, an issuer whose tokens `issueToken` makes. */
export async function trustIssuer({ nodes, adminKey }: Cluster): Promise<void> {
  const principal = { name: 'robot', type: 'service' }
  expected(await nodes[0]!.ask('POST', '/v1/principals', adminKey, principal), 201)
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }] }
  const body = { name: 'sso', api: 'orders', issuer: ISSUER, audience: AUDIENCE, algorithms: ['EdDSA'], jwks }
  expected(await nodes[0]!.ask('POST', '/v1/issuers', adminKey, body), 201)
}

/** A token; its id is its `jti`. It does not say since when it counts, so that no node's clock is behind it. */
export function issueToken(): Issued {
  const id = randomUUID()
  const endsAt = Math.floor(Date.now() / 1000) + 3600
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'robot', scope: 'orders:read', jti: id, exp: endsAt }
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encoded({ alg: 'EdDSA', kid: 'k1' })}.${encoded(claims)}`
  return { id, secret: `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}` }
}
