import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseIpRange } from '@credence/core'
import { createGuard } from '@credence/sdk'
import { type Surfaces, startSurfaces } from '@credence/server/testing/surfaces'

/** Every HTTP surface that answers with a verdict; forward-auth once for each style, and a server with our guard. */
export const SURFACES = [
  'gateway',
  'forwarded',
  'nginx',
  'envoy',
  'verify',
  'guard',
  'administration',
] as const
export type Surface = (typeof SURFACES)[number]

export interface Asked {
  readonly method?: string
  readonly path?: string
  /** What the caller presents. */
  readonly headers: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  /** Without those of the connection, the date and the request's id. */
  readonly headers: Readonly<Record<string, string>>
  /** With `ID` in place of the request's id. */
  readonly text: string
}

const LOOPBACK = parseIpRange('127.0.0.1')!

type SurfacesOptions = Parameters<typeof startSurfaces>[0]

/** A server whose forward-auth trusts us, in the style that the surface asks for. */
export function startFor(surface: Surface, { config, ...options }: SurfacesOptions = {}): Promise<Surfaces> {
  const forwardStyle = surface === 'nginx' || surface === 'envoy' ? surface : 'forwarded'
  return startSurfaces({ ...options, config: { forwardStyle, trustedProxies: [LOOPBACK], ...config } })
}

/** Sends what a caller of the API `orders` sends, or what stands before the API sends on its behalf. */
export async function ask(surfaces: Surfaces, surface: Surface, asked: Asked): Promise<Answer> {
  const { method = 'GET', path = '/orders/7', headers } = asked
  const authorize = `${surfaces.api}/v1/authorize/orders`
  const forwardedFor = { 'x-forwarded-for': '192.0.2.7' }
  switch (surface) {
    case 'gateway':
      return send(surfaces.gateway + path, { method, headers })
    case 'forwarded': {
      const original = { 'x-forwarded-method': method, 'x-forwarded-uri': path }
      return send(authorize, { headers: { ...headers, ...original, ...forwardedFor } })
    }
    case 'nginx': {
      const original = { 'x-original-method': method, 'x-original-uri': path }
      return send(authorize, { headers: { ...headers, ...original, ...forwardedFor } })
    }
    case 'envoy':
      return send(authorize + path, { method, headers: { ...headers, ...forwardedFor } })
    case 'verify': {
      const secure = headers['x-forwarded-proto'] === 'https'
      const request = { method, path, ip: '192.0.2.7', headers, secure }
      return send(`${surfaces.api}/v1/verify`, {
        method: 'POST',
        headers: { authorization: `Bearer ${surfaces.adminKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ api: 'orders', request }),
      })
    }
    case 'guard':
      return askGuarded(surfaces, path, { method, headers: { ...headers, ...forwardedFor } })
    case 'administration':
      return send(`${surfaces.api}/v1/apis`, { method, headers })
  }
}

/** A server of its own behind the SDK's guard; it says whom the guard let pass. */
async function askGuarded({ api, adminKey }: Surfaces, path: string, init: RequestInit): Promise<Answer> {
  const guard = createGuard({ api: 'orders', url: api, key: adminKey, trustedProxies: ['127.0.0.1'] })
  const server = createServer(
    guard.node(null, (_request: IncomingMessage, response: ServerResponse, caller) => {
      response.end(caller?.principal.id)
    }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await send(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, init)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const OF_THE_CONNECTION = new Set(['connection', 'keep-alive', 'date', 'credence-request-id'])

export async function send(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init)
  const requestId = response.headers.get('credence-request-id')
  const masked = (text: string) => (requestId === null ? text : text.replaceAll(requestId, 'ID'))
  const headers = [...response.headers].filter(([name]) => !OF_THE_CONNECTION.has(name))
  return {
    status: response.status,
    headers: Object.fromEntries(headers.map(([name, value]) => [name, masked(value)])),
    text: masked(await response.text()),
  }
}
