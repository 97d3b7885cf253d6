import type { IncomingMessage } from 'node:http'
import type { Presenter } from '@credence/core'
import type { Context } from '../context.ts'
import { certificateFinder } from '../doors/client-certificate.ts'
import { peerFinder } from '../doors/peer.ts'
import { uriAtServer } from '../doors/presented-uri.ts'
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
