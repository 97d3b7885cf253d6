import {
  type ContentRefusal,
  certificateThumbprint,
  type PresentedCertificate,
  type PresentedUri,
  type Presenter,
  type RawHeaders,
} from '@credence/core'
import { tellsOfContent } from '../doors/tells-of-content.ts'

/** Whoever called the API of somebody who asks `POST /v1/verify`, as far as that one tells. */
export interface Told {
  readonly method: string | null
  readonly headers: RawHeaders
  /** Absolute, with its query. */
  readonly uri: string | null
  /** DER. */
  readonly certificate: Uint8Array | null
  readonly content: Uint8Array | null
}

export function toldPresenter({ method, headers, uri, certificate, content }: Told): Presenter {
  return {
    uri: () => (uri === null ? UNTOLD_URI : partsOf(uri)),
    certificate: () => (certificate === null ? NO_CERTIFICATE : shown(certificate)),
    // Whoever tells of no content may have left it out: only of these methods it means nothing.
    hasContent: () =>
      content === null
        ? (method !== 'GET' && method !== 'HEAD') || tellsOfContent(headers)
        : content.length > 0,
    content: async () => content ?? NO_CONTENT,
  }
}

const UNTOLD_URI: PresentedUri = {
  known: false,
  problem: 'the URI that the client called was not told: request.uri, or publicUrl of the guard',
}
const NO_CERTIFICATE: PresentedCertificate = {
  type: 'none',
  detail: 'request.client_certificate tells of none',
}
const NO_CONTENT: ContentRefusal = {
  code: 'BINDING_MISMATCH',
  detail: 'the content that is signed was not told: request.content',
}

/** Path and query stay as they are written: that is what was signed. */
function partsOf(uri: string): PresentedUri {
  const start = uri.indexOf('://') + 3
  const rest = uri.slice(start).split('#', 1)[0]!
  const end = rest.search(/[/?]/)
  const authority = end === -1 ? rest : rest.slice(0, end)
  const target = end === -1 ? '/' : rest.slice(end)
  return {
    known: true,
    scheme: uri.toLowerCase().startsWith('https:') ? 'https' : 'http',
    authority,
    target: target.startsWith('?') ? `/${target}` : target,
    saidBy: 'request.uri',
  }
}

function shown(certificate: Uint8Array): PresentedCertificate {
  return { type: 'shown', thumbprint: certificateThumbprint(certificate) }
}
