import type { ApiRecord } from '@credence/core'
import type { Context } from '../context.ts'

/** Where the world reaches an API through the gateway; null: it has no upstream, or no gateway runs. */
export function gatewayUrl(
  { config, listeners }: Pick<Context, 'config' | 'listeners'>,
  { upstream, host, basePath }: Pick<ApiRecord, 'upstream' | 'host' | 'basePath'>,
): string | null {
  const listener = listeners.find(({ name }) => name === 'gateway')
  if (upstream === null || (listener === undefined && config.gatewayPublicUrl === null)) return null
  const url = new URL(config.gatewayPublicUrl ?? listenerUrl(listener!, config.tlsCertPath !== null))
  if (host !== null) url.hostname = host
  const prefix = url.pathname.endsWith('/') ? url.pathname.slice(0, -1) : url.pathname
  url.pathname = prefix + basePath
  return url.href
}

function listenerUrl(
  { host, port }: { readonly host: string; readonly port: number },
  isTls: boolean,
): string {
  const isWildcard = host === '0.0.0.0' || host === '::'
  const name = isWildcard ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `${isTls ? 'https' : 'http'}://${name}:${port}/`
}
