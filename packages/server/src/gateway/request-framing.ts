import type { IncomingMessage } from 'node:http'
import { headerValues, type RawHeaders } from '@credence/core'
import { hostHeaderProblem } from '../doors/host-header.ts'

/** What the head says about where the request ends and where it goes. */
export type Framing =
  | {
      readonly ok: true
      /** In lower case; null: none, which only HTTP/1.0 allows. */
      readonly host: string | null
      readonly hasBody: boolean
      /** Bytes; null: chunked, or no body. */
      readonly contentLength: number | null
    }
  | { readonly ok: false; readonly problem: string }

/**
 * Refuses a head that two parsers could frame or address differently (RFC 9112 section 6.3, section 3.2). Node's
 * parser is strict by itself; this is about what it lets pass, and does not rely on it.
 */
export function framingOf(request: IncomingMessage): Framing {
  const { rawHeaders, method, httpVersion } = request
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return refused('HTTP version is neither 1.1 nor 1.0')
  if (method === 'TRACE' || method === 'CONNECT') return refused(`${method} is not for the gateway`)
  const lengths: string[] = []
  const codings: string[] = []
  const hosts: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const value = rawHeaders[i + 1]!
    switch (rawHeaders[i]!.length) {
      case 4:
        if (rawHeaders[i]!.toLowerCase() === 'host') hosts.push(value)
        break
      case 14:
        if (rawHeaders[i]!.toLowerCase() === 'content-length') lengths.push(value)
        break
      case 17:
        if (rawHeaders[i]!.toLowerCase() === 'transfer-encoding') codings.push(value)
        break
    }
    if (hasControl(value)) return refused('control character in a header')
  }
  const misdirected = hostHeaderProblem(hosts, httpVersion)
  if (misdirected !== null) return refused(misdirected)
  const host = hosts[0]?.toLowerCase() ?? null
  if (codings.length > 0) {
    if (lengths.length > 0) return refused('both Content-Length and Transfer-Encoding')
    if (httpVersion === '1.0') return refused('Transfer-Encoding in HTTP/1.0')
    if (codings.length > 1 || codings[0]!.toLowerCase() !== 'chunked') {
      return refused('Transfer-Encoding is not chunked alone')
    }
    return { ok: true, host, hasBody: true, contentLength: null }
  }
  if (lengths.length > 1) return refused('more than one Content-Length')
  if (lengths.length === 0) return { ok: true, host, hasBody: false, contentLength: null }
  if (!/^\d{1,15}$/.test(lengths[0]!)) return refused('Content-Length is not a number')
  const contentLength = Number(lengths[0])
  return { ok: true, host, hasBody: contentLength > 0, contentLength }
}

/**
 * Whether the request asks for a WebSocket (RFC 6455 section 4.1). Every other upgrade is ignored and the request
 * answered as what it is: behind an upgrade to h2c, requests would pass unseen.
 */
export function isWebSocketUpgrade({ method, rawHeaders }: IncomingMessage): boolean {
  const upgrades = headerValues(rawHeaders, 'upgrade')
  const isWebSocket = upgrades.length === 1 && upgrades[0]!.toLowerCase() === 'websocket'
  const hasBody = ['content-length', 'transfer-encoding'].some(
    (name) => headerValues(rawHeaders, name).length > 0,
  )
  return method === 'GET' && isWebSocket && !hasBody
}

/** Names that a Connection header declares to be for this hop only, in lower case; null: none but the usual. */
export function connectionOptions(headers: RawHeaders): ReadonlySet<string> | null {
  let options: Set<string> | null = null
  for (const value of headerValues(headers, 'connection')) {
    if (value === 'keep-alive' || value === 'close') continue
    for (const option of value.toLowerCase().split(',')) {
      options ??= new Set()
      options.add(option.trim())
    }
  }
  return options
}

function hasControl(value: string): boolean {
  for (let i = 0; i < value.length; i += 1) {
    const code = value.charCodeAt(i)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true
  }
  return false
}

function refused(problem: string): Framing {
  return { ok: false, problem }
}
