import type { IncomingMessage } from 'node:http'
import type { PresentedUri, Presenter } from '@credence/core'
import type { Context } from '../context.ts'
import { certificateFinder } from '../doors/client-certificate.ts'
import { listenerUrl } from '../doors/gateway-url.ts'
import { peerFinder } from '../doors/peer.ts'
import { uriUnder } from '../doors/presented-uri.ts'
import { tellsOfContent } from '../doors/tells-of-content.ts'

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

/** Administration and whatever else has no API of its own before it. */
function uriAtServer(
  { config, listeners }: Pick<Context, 'config' | 'listeners'>,
  { socket, url }: IncomingMessage,
): PresentedUri {
  const target = url!
  const listener = listeners.find(({ port }) => port === socket.localPort)
  if (target.startsWith('/')) {
    if (config.publicUrl !== null) return uriUnder(config.publicUrl, target, 'CREDENCE_PUBLIC_URL')
    if (listener !== undefined) {
      const url = listenerUrl(listener, 'encrypted' in socket)
      return uriUnder(url, target, 'the listener, since CREDENCE_PUBLIC_URL is not set')
    }
  }
  return { known: false, problem: 'how this server is reached is not known: CREDENCE_PUBLIC_URL' }
}
