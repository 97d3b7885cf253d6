import type { IncomingMessage } from 'node:http'
import {
  type ApiRecord,
  type ContentRefusal,
  headerValues,
  type PresentedCertificate,
  type PresentedUri,
  type Presenter,
  type RawHeaders,
  singleHeader,
} from '@credence/core'
import type { CertificateOf } from '../doors/client-certificate.ts'
import type { Client, Peer } from '../doors/peer.ts'
import { tellsOfContent } from '../doors/tells-of-content.ts'
import type { ForwardStyle, OriginalRequest } from './original-request.ts'

/** What presenters behind proxies have in common. */
export interface ProxiedDoor {
  readonly style: ForwardStyle
  readonly certificateOf: CertificateOf
  readonly clientOf: (peer: Peer, headers: RawHeaders) => Client
}

/** Whoever asked the proxy that asks forward-auth. Most are never asked anything. */
export class ProxiedPresenter implements Presenter {
  readonly #door: ProxiedDoor
  readonly #request: IncomingMessage
  readonly #original: OriginalRequest
  readonly #peer: Peer
  readonly #api: ApiRecord

  constructor(
    door: ProxiedDoor,
    request: IncomingMessage,
    original: OriginalRequest,
    peer: Peer,
    api: ApiRecord,
  ) {
    this.#door = door
    this.#request = request
    this.#original = original
    this.#peer = peer
    this.#api = api
  }

  uri(): PresentedUri {
    const { style, clientOf } = this.#door
    const { rawHeaders } = this.#request
    const { secure } = clientOf(this.#peer, rawHeaders)
    return uriBehindProxy(this.#api, this.#original.target, rawHeaders, secure, style)
  }

  certificate(): PresentedCertificate {
    const { socket, rawHeaders } = this.#request
    return this.#door.certificateOf(socket, this.#peer, rawHeaders)
  }

  /** Proxies keep content back, and many the headers that tell of it: only of these methods it means nothing. */
  hasContent(): boolean {
    const { method } = this.#original
    return (method !== 'GET' && method !== 'HEAD') || tellsOfContent(this.#request.rawHeaders)
  }

  async content(): Promise<ContentRefusal> {
    const detail = 'forward-auth is not shown the content that is signed: use the gateway, or DPoP'
    return { code: 'BINDING_MISMATCH', detail }
  }
}

/**
 * What a trusted proxy was asked, by its own word: it was configured to be believed. Where the API has a host, no
 * other name counts.
 */
function uriBehindProxy(
  { host }: Pick<ApiRecord, 'host'>,
  target: string,
  headers: RawHeaders,
  secure: boolean,
  style: ForwardStyle,
): PresentedUri {
  const scheme = secure ? 'https' : 'http'
  const told = forwardedHost(headers, style)
  if (told === undefined) return { known: false, problem: 'X-Forwarded-Host stands more than once' }
  if (host === null) {
    return told === null
      ? { known: false, problem: 'give the API a host, or have the proxy send X-Forwarded-Host' }
      : { known: true, scheme, authority: told, target, saidBy: 'X-Forwarded-Host of the proxy' }
  }
  const saidBy = 'the host of the API'
  if (told === null) return { known: true, scheme, authority: host, target, saidBy }
  const name = told.replace(/:\d{1,5}$/, '')
  return name.toLowerCase() === host
    ? { known: true, scheme, authority: told, target, saidBy }
    : { known: false, problem: 'the proxy was asked for another host than that of the API' }
}

/** Null: the proxy says none. Undefined: it is not clear which. Envoy keeps the Host that its client sent. */
function forwardedHost(headers: RawHeaders, style: ForwardStyle): string | null | undefined {
  const count = headerValues(headers, 'x-forwarded-host').length
  if (count === 0) return style === 'envoy' ? singleHeader(headers, 'host') : null
  return singleHeader(headers, 'x-forwarded-host') ?? undefined
}
