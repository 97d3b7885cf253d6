import type { IncomingMessage } from 'node:http'
import {
  type ApiRecord,
  type ContentRefusal,
  headerValues,
  type PresentedCertificate,
  type PresentedUri,
  type Presenter,
  type RawHeaders,
} from '@credence/core'
import type { Context } from '../context.ts'
import { type CertificateOf, certificateFinder } from './client-certificate.ts'
import type { ForwardStyle, OriginalRequest } from './original-request.ts'
import { type Client, type Peer, peerFinder } from './peer.ts'
import { uriAtServer, uriBehindProxy } from './presented-uri.ts'

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

/** Whoever calls administration, and acts on its own behalf. */
export function ownPresenters(
  context: Pick<Context, 'config' | 'listeners'>,
): (request: IncomingMessage) => Presenter {
  const peerOf = peerFinder(context.config.trustedProxies)
  const certificateOf = certificateFinder(context.config)
  return (request) => ({
    uri: () => uriAtServer(context, request),
    certificate: () => certificateOf(request.socket, peerOf(request.socket), request.rawHeaders),
    hasContent: () => tellsOfContent(request.rawHeaders),
    content: async () => ({
      code: 'BINDING_MISMATCH',
      detail:
        'administration decides before it reads content that is signed: use DPoP or a client certificate',
    }),
  })
}

export function tellsOfContent(headers: RawHeaders): boolean {
  const lengths = headerValues(headers, 'content-length')
  return lengths.some((length) => length !== '0') || headerValues(headers, 'transfer-encoding').length > 0
}
