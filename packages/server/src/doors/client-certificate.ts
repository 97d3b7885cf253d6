import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import {
  certificateThumbprint,
  type PresentedCertificate,
  type RawHeaders,
  readClientCertificate,
} from '@credence/core'
import type { Config } from '../config.ts'
import type { Peer } from './peer.ts'

export type CertificateOf = (socket: Socket, peer: Peer, headers: RawHeaders) => PresentedCertificate

/**
 * Finds the client's certificate (RFC 8705). Of a trusted proxy's connection it is never the client's: what that proxy
 * says counts, and only where it is set that all of them say it (RFC 9440 section 2.4). Of any other connection it is
 * the one that proved its key in the handshake; a header is hearsay there.
 */
export function certificateFinder({
  proxyClientCert,
  tlsClientCert,
}: Pick<Config, 'proxyClientCert' | 'tlsClientCert'>): CertificateOf {
  return (socket, peer, headers) => {
    if (peer.trusted) {
      return proxyClientCert
        ? certificateInHeader(headers)
        : none('the connection is that of a proxy; CREDENCE_PROXY_CLIENT_CERT says whether it tells of it')
    }
    if (!(socket instanceof TLSSocket)) return none('the connection is not TLS')
    if (tlsClientCert === 'off') return none('CREDENCE_TLS_CLIENT_CERT is off, so nobody was asked for one')
    return certificateOfConnection(socket, tlsClientCert)
  }
}

function certificateInHeader(headers: RawHeaders): PresentedCertificate {
  const reading = readClientCertificate(headers)
  if (!reading.ok) return { type: 'refused', code: reading.code, detail: reading.detail }
  const { certificate } = reading
  return certificate === null
    ? none('the proxy says in no Client-Cert that the client showed one')
    : { type: 'shown', thumbprint: certificate.thumbprint }
}

/** Thumbprints of connections: the certificate of one does not change. */
const thumbprints = new WeakMap<Socket, string>()

function certificateOfConnection(socket: TLSSocket, wanted: 'any' | 'ca'): PresentedCertificate {
  // Node tells of a certificate that nobody vouches for, too.
  if (wanted === 'ca' && !socket.authorized) {
    return none('the client showed none that an authority of CREDENCE_TLS_CLIENT_CA vouches for')
  }
  let thumbprint = thumbprints.get(socket)
  if (thumbprint === undefined) {
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return none('the client showed none')
    thumbprint = certificateThumbprint(certificate.raw)
    thumbprints.set(socket, thumbprint)
  }
  return { type: 'shown', thumbprint }
}

function none(detail: string): PresentedCertificate {
  return { type: 'none', detail }
}
