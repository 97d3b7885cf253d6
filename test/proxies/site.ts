import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { sampleKey } from '@credence/core/testing/jws-samples'
import { type Certificate, makeCertificate } from '../certificate.ts'
import { type RunningServer, startServer, temporaryFolder } from '../running-server.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** What a proxy stands between: Credence, the protected API, and the certificate that callers trust. */
export interface Site {
  readonly credence: RunningServer
  readonly upstream: Upstream
  readonly certificate: Certificate
  /** PEM. */
  readonly ca: string
  readonly keys: Keys
  readonly close: () => Promise<void>
}

interface Keys {
  /** Reads and writes orders. */
  readonly writer: string
  readonly writerId: string
  readonly principalId: string
  /** Has no scope at all. */
  readonly powerless: string
  /** Reads orders, beside a DPoP proof of `BOUND_TO`. */
  readonly bound: string
  /** Once per hour. */
  readonly limited: () => Promise<string>
}

/** The key pair of whoever holds the bound key. */
export const BOUND_TO = sampleKey('ES256')

/** The host that the guides protect. */
export const HOST = 'orders.example'

export const ROUTES = [
  { method: 'GET', path: '/open/**', public: true },
  { method: '*', path: '/orders/**', scopes: 'orders:read' },
  { method: 'POST', path: '/orders/**', scopes: 'orders:write' },
  { method: 'GET', path: '/orders/*/items', scopes: 'orders:read AND orders:write' },
  { method: '*', path: '/admin/**', scopes: 'orders:admin' },
  { method: 'GET', path: '/socket', scopes: 'orders:read' },
  { method: 'GET', path: '/events', scopes: 'orders:read' },
]

interface Issued {
  readonly secret: string
  readonly credential: { readonly id: string; readonly principal: { readonly id: string } }
}

/** @param style CREDENCE_FORWARD_STYLE, as the guide of the proxy says */
export async function startSite(style: string, env: Readonly<Record<string, string>> = {}): Promise<Site> {
  const folder = temporaryFolder()
  const certificate = makeCertificate(folder, 'site', `DNS:${HOST}`)
  const upstream = await startUpstream()
  const credence = await startServer({
    env: {
      CREDENCE_FORWARD_STYLE: style,
      CREDENCE_TRUSTED_PROXIES: '127.0.0.1',
      CREDENCE_GATEWAY_LISTEN: 'off',
      CREDENCE_DPOP_NONCES: 'true',
      ...env,
    },
  })
  const close = async () => {
    await credence.stop()
    await upstream.close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const make = async <T>(path: string, body: unknown): Promise<T> => {
      const made = await credence.request<T>('POST', path, body)
      assert.equal(made.status, 201, made.text)
      return made.body
    }
    await make('/v1/apis', {
      ...{ name: 'orders', audience: `https://${HOST}`, routes: ROUTES },
      // The proxies speak TLS to the caller, and must say so.
      ...{ requires_tls: true, cors: { origins: ['https://app.example'] } },
    })
    await make('/v1/principals', { name: 'Zoë', type: 'application', external_id: 'cus 42' })
    const issue = (scopes: readonly string[], more: object = {}) =>
      make<Issued>('/v1/credentials', { kind: 'api_key', api: 'orders', principal: 'Zoë', scopes, ...more })
    const writer = await issue(['orders:read', 'orders:write'])
    const rate = { name: 'default', limit: 1, window_seconds: 3600 }
    const keys = {
      writer: writer.secret,
      writerId: writer.credential.id,
      principalId: writer.credential.principal.id,
      powerless: (await issue([])).secret,
      bound: (await issue(['orders:read'], { binding: { type: 'dpop', jwk: BOUND_TO.jwk } })).secret,
      limited: async () => (await issue(['orders:read'], { limits: [rate] })).secret,
    }
    return { credence, upstream, certificate, ca: readFileSync(certificate.certPath, 'utf8'), keys, close }
  } catch (error) {
    await close()
    throw error
  }
}
