import type { IncomingMessage } from 'node:http'
import type { ApiRecord, ContentRefusal, PresentedCertificate, PresentedUri, Presenter } from '@credence/core'
import type { Context } from '../context.ts'
import type { CertificateOf } from '../doors/client-certificate.ts'
import { gatewayRoot } from '../doors/gateway-url.ts'
import { uriUnder } from '../doors/presented-uri.ts'
import type { Checked } from './checked.ts'

/** What presenters of one gateway have in common. */
export interface GatewayDoor {
  readonly context: Pick<Context, 'config' | 'listeners'>
  readonly certificateOf: CertificateOf
  /** Told when a caller's content is waited for: it must not take forever. */
  readonly expectContent: (request: IncomingMessage) => void
}

/** Whoever sent a request to the gateway. Most are never asked anything. */
export class GatewayPresenter implements Presenter {
  /** Content that was read to be digested, and is yet to be forwarded; null: none was. */
  held: Buffer | null = null
  readonly #door: GatewayDoor
  readonly #checked: Checked
  readonly #api: ApiRecord
  #reading: Promise<Uint8Array | ContentRefusal> | null = null

  constructor(door: GatewayDoor, checked: Checked, api: ApiRecord) {
    this.#door = door
    this.#checked = checked
    this.#api = api
  }

  uri(): PresentedUri {
    return uriAtGateway(this.#door.context, this.#api, this.#checked.request.url!)
  }

  certificate(): PresentedCertificate {
    const { request, peer } = this.#checked
    return this.#door.certificateOf(request.socket, peer, request.rawHeaders)
  }

  hasContent(): boolean {
    return this.#checked.framing.hasBody
  }

  /** Once, however often the checks run. */
  content(): Promise<Uint8Array | ContentRefusal> {
    this.#reading ??= this.#read()
    return this.#reading
  }

  async #read(): Promise<Uint8Array | ContentRefusal> {
    const { request, framing, askForContent } = this.#checked
    const limit = this.#door.context.config.bodyLimitBytes
    if ((framing.contentLength ?? 0) > limit) return tooLong(limit)
    askForContent()
    this.#door.expectContent(request)
    const content = await readWhole(request, limit)
    if (content === 'too_long') return tooLong(limit)
    if (content === 'broken') return { code: 'BAD_REQUEST', detail: 'the content did not come whole' }
    this.held = content
    return content
  }
}

/** @param target as it came */
function uriAtGateway(
  context: Pick<Context, 'config' | 'listeners'>,
  api: ApiRecord,
  target: string,
): PresentedUri {
  const root = gatewayRoot(context, api)
  if (root === null || !target.startsWith('/')) {
    return { known: false, problem: 'how the gateway is reached is not known: CREDENCE_GATEWAY_PUBLIC_URL' }
  }
  const { gatewayPublicUrl } = context.config
  const base =
    gatewayPublicUrl === null
      ? 'the listener, since CREDENCE_GATEWAY_PUBLIC_URL is not set'
      : 'CREDENCE_GATEWAY_PUBLIC_URL'
  return uriUnder(root, target, api.host === null ? base : `the host of the API and ${base}`)
}

function tooLong(limit: number): ContentRefusal {
  const detail = `the content is longer than the ${limit} bytes that are held to be digested (CREDENCE_BODY_LIMIT_BYTES)`
  return { code: 'BAD_REQUEST', detail }
}

/** Leaves the request paused where it is not read to its end. */
function readWhole(request: IncomingMessage, limit: number): Promise<Buffer | 'too_long' | 'broken'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    const settle = (outcome: Buffer | 'too_long' | 'broken') => {
      request.off('data', take).off('end', finish).off('close', cut)
      if (outcome === 'too_long') request.pause()
      resolve(outcome)
    }
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > limit) settle('too_long')
    }
    const finish = () => settle(Buffer.concat(chunks))
    const cut = () => settle('broken')
    request.on('error', () => {})
    request.on('data', take).on('end', finish).on('close', cut)
  })
}
