import type { Socket } from 'node:net'
import { clientIp, headerValues, type IpRange, ipInRanges, parseIp, type RawHeaders } from '@credence/core'

/** The other end of a connection. */
export interface Peer {
  /** In its one form; null once the connection is gone. */
  readonly ip: string | null
  /** Whether it is one of CREDENCE_TRUSTED_PROXIES, so that what it says about its own caller counts. */
  readonly trusted: boolean
  /** Whether the connection is TLS. */
  readonly secure: boolean
}

/** Who sent a request: the peer, or whoever a trusted peer says it is. */
export interface Client {
  readonly ip: string | null
  readonly secure: boolean
}

/** Looks at each connection once; its requests share what was found. */
export function peerFinder(trustedProxies: readonly IpRange[]): (socket: Socket) => Peer {
  const peers = new WeakMap<Socket, Peer>()
  return (socket) => {
    let peer = peers.get(socket)
    if (peer === undefined) {
      const { remoteAddress } = socket
      const ip = remoteAddress === undefined ? null : clientIp(remoteAddress, [], [])
      const parsed = ip === null ? null : parseIp(ip)
      const trusted = parsed !== null && ipInRanges(parsed, trustedProxies)
      peer = { ip, trusted, secure: 'encrypted' in socket }
      peers.set(socket, peer)
    }
    return peer
  }
}

/** X-Forwarded-For and X-Forwarded-Proto count from a trusted peer only; from anybody else they are hearsay. */
export function clientOf(peer: Peer, headers: RawHeaders, trustedProxies: readonly IpRange[]): Client {
  if (!peer.trusted || peer.ip === null) return peer
  const proto = headerValues(headers, 'x-forwarded-proto')
  return {
    ip: clientIp(peer.ip, headerValues(headers, 'x-forwarded-for'), trustedProxies),
    // Two values say nothing: which of them is the proxy's own cannot be known.
    secure: proto.length === 0 ? peer.secure : proto.length === 1 && proto[0] === 'https',
  }
}
