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
  /** Null: not known. */
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

/** Callers come again and again with the same list. When ever new ones come, the map starts over. */
const MAX_KNOWN = 10_000

/**
 * X-Forwarded-For and X-Forwarded-Proto count from a trusted peer only; from anybody else they are hearsay.
 * The address of a trusted peer's caller is what the list says, whichever of the trusted peers sent it.
 */
export function clientFinder(
  trustedProxies: readonly IpRange[],
): (peer: Peer, headers: RawHeaders) => Client {
  const known = new Map<string, string | null>()
  const addressIn = (peerIp: string, list: string): string | null => {
    let ip = known.get(list)
    if (ip === undefined) {
      ip = clientIp(peerIp, [list], trustedProxies)
      // An empty list says nothing, and then the answer is about this peer alone.
      if (ip === peerIp) return ip
      if (known.size >= MAX_KNOWN) known.clear()
      known.set(list, ip)
    }
    return ip
  }
  return (peer, headers) => {
    if (!peer.trusted || peer.ip === null) return peer
    const lists = headerValues(headers, 'x-forwarded-for')
    const proto = headerValues(headers, 'x-forwarded-proto')
    if (lists.length === 0 && proto.length === 0) return peer
    return {
      ip: lists.length === 0 ? peer.ip : addressIn(peer.ip, lists.length === 1 ? lists[0]! : lists.join(',')),
      // Two values say nothing: which of them is the proxy's own cannot be known.
      secure: proto.length === 0 ? peer.secure : proto.length === 1 && proto[0] === 'https',
    }
  }
}
