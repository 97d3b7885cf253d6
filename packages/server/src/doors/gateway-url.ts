import type { ApiRecord } from '@credence/core'
import type { Context } from '../context.ts'

/** Where the world reaches an API through the gateway; null: it has no upstream, or no gateway runs. */
export function gatewayUrl(
  context: Pick<Context, 'config' | 'listeners'>,
  api: Pick<ApiRecord, 'upstream' | 'host' | 'basePath'>,
): string | null {
  const url = gatewayRoot(context, api)
  if (url === null) return null
  const prefix = url.pathname.endsWith('/') ? url.pathname.slice(0, -1) : url.pathname
  url.pathname = prefix + api.basePath
  return url.href
}

/** Where the gateway's own root is for whoever calls this API; null as above. */
export function gatewayRoot(
  { config, listeners }: Pick<Context, 'config' | 'listeners'>,
  { upstream, host }: Pick<ApiRecord, 'upstream' | 'host'>,
): URL | null {
  const listener = listeners.find(({ name }) => name === 'gateway')
  if (upstream === null || (listener === undefined && config.gatewayPublicUrl === null)) return null
  const url = new URL(config.gatewayPublicUrl ?? listenerUrl(listener!, config.tlsCertPath !== null))
  if (host !== null) url.hostname = host
  return url
}

export function listenerUrl(
  { host, port }: { readonly host: string; readonly port: number },
  isTls: boolean,
): string {
  const isWildcard = host === '0.0.0.0' || host === '::'
  const name = isWildcard ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `${isTls ? 'https' : 'http'}://${name}:${port}/`
}
