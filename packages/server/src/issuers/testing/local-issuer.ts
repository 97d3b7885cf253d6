import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A key pair of an issuer; the public half as it is published. */
export interface SigningKey {
  readonly kid: string
  readonly alg: 'ES256' | 'RS256' | 'EdDSA'
  readonly privateKey: KeyObject
  readonly jwk: Readonly<Record<string, unknown>>
}

export function signingKey(kid: string, alg: SigningKey['alg'] = 'ES256'): SigningKey {
  const pair = pairFor(alg)
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }
  return { kid, alg, privateKey: pair.privateKey, jwk }
}

function pairFor(alg: SigningKey['alg']) {
  if (alg === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return alg === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ed25519')
}

const encoded = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A token; header and claims may be texts, to be written as no serializer would. */
export function signToken(
  key: SigningKey,
  claims: object | string,
  header: object | string = { alg: key.alg, kid: key.kid, typ: 'JWT' },
): string {
  const input = `${encoded(header)}.${encoded(claims)}`
  const hash = key.alg === 'EdDSA' ? null : 'sha256'
  const signature = sign(hash, Buffer.from(input), {
    key: key.privateKey,
    ...(key.alg === 'ES256' && { dsaEncoding: 'ieee-p1363' as const }),
  })
  return `${input}.${signature.toString('base64url')}`
}

/** Signed with a shared secret. */
export function hmacToken(
  secret: Uint8Array | string,
  claims: object,
  header: object = { alg: 'HS256' },
): string {
  const input = `${encoded(header)}.${encoded(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

export interface LocalIssuer {
  readonly url: string
  /** Paths that were asked for, in order. */
  readonly asked: string[]
  /** What it publishes. */
  keys: readonly SigningKey[]
  /** Answers in its stead, where it is to misbehave; null: it behaves. */
  answer: ((path: string, response: ServerResponse) => void) | null
  close(): Promise<void>
}

/** An issuer on the loopback interface, with a discovery document and a JWK set. */
export async function startLocalIssuer(...keys: readonly SigningKey[]): Promise<LocalIssuer> {
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    issuer.asked.push(path)
    if (issuer.answer !== null) return issuer.answer(path, response)
    const document =
      path === '/jwks'
        ? { keys: issuer.keys.map(({ jwk }) => jwk) }
        : path === '/.well-known/openid-configuration'
          ? { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` }
          : null
    response.writeHead(document === null ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(document))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const issuer: LocalIssuer = {
    url: `http://127.0.0.1:${port}`,
    asked: [],
    keys,
    answer: null,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return issuer
}
