/**
 * IP addresses and ranges. Text is read in one way only: what another parser could take for another address
 * (octal parts, missing parts, zone ids) is not an address here. The tables of special-use ranges and the
 * IPv6 grammar are ipaddr.js's.
 */
import ipaddr from 'ipaddr.js'

/** An address. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is the IPv4 address it stands for. */
export interface Ip {
  readonly version: 4 | 6
  /** Groups of 16 bits: two of IPv4, eight of IPv6. */
  readonly groups: readonly number[]
}

/** All addresses of one version that share the first `prefixBits` bits. */
export interface IpRange extends Ip {
  readonly prefixBits: number
}

/** Longest text of an address: eight groups of four digits, the last two as dotted IPv4. */
const MAX_IP_LENGTH = 45
const DOT = 0x2e
const ZERO = 0x30

/** The address a text says, or null: none, or not beyond doubt. */
export function parseIp(text: string): Ip | null {
  return parseIpv4(text, 0) ?? parseIpv6(text)
}

/** Four decimal parts without leading zeros: `010.0.0.1` is 8.0.0.1 to some and 10.0.0.1 to others. */
function parseIpv4(text: string, start: number): Ip | null {
  if (text.length - start < 7 || text.length - start > 15) return null
  let bits = 0
  let part = 0
  let digits = 0
  let parts = 1
  for (let index = start; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code === DOT) {
      if (digits === 0 || parts === 4) return null
      bits = bits * 256 + part
      parts += 1
      part = 0
      digits = 0
    } else {
      const digit = code - ZERO
      if (digit < 0 || digit > 9 || (digits > 0 && part === 0)) return null
      part = part * 10 + digit
      digits += 1
      if (part > 255) return null
    }
  }
  if (parts !== 4 || digits === 0) return null
  bits = bits * 256 + part
  return { version: 4, groups: [Math.floor(bits / 65536), bits % 65536] }
}

function parseIpv6(text: string): Ip | null {
  if (text.length > MAX_IP_LENGTH || !/^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/.test(text)) return null
  let hex = text
  if (text.includes('.')) {
    // ipaddr.js reads octal parts in a dotted tail, and takes ::1.2.3.4 for ::ffff:1.2.3.4: so it gets none.
    const tail = text.lastIndexOf(':') + 1
    const dotted = parseIpv4(text, tail)
    if (dotted === null) return null
    hex = text.slice(0, tail) + dotted.groups.map((group) => group.toString(16)).join(':')
  }
  if (!ipaddr.IPv6.isValid(hex)) return null
  const { parts } = ipaddr.IPv6.parse(hex)
  const isMapped = parts[5] === 0xffff && parts.slice(0, 5).every((group) => group === 0)
  return isMapped ? { version: 4, groups: parts.slice(6) } : { version: 6, groups: parts }
}

/** The one way to write an address: dotted decimal, or RFC 5952. */
export function formatIp(ip: Ip): string {
  return toIpaddr(ip).toString()
}

/**
 * The range a text says: an address alone, or an address, `/` and a number of bits. Null where it is neither,
 * or where bits after the prefix are set: `10.0.0.1/8` was meant as one host or as the whole net.
 */
export function parseIpRange(text: string): IpRange | null {
  const slash = text.indexOf('/')
  if (slash === -1) {
    const ip = parseIp(text)
    return ip && { ...ip, prefixBits: ip.groups.length * 16 }
  }
  const address = text.slice(0, slash)
  const ip = parseIp(address)
  const suffix = text.slice(slash + 1)
  if (ip === null || !/^(?:0|[1-9][0-9]{0,2})$/.test(suffix)) return null
  // A mapped address counts its bits from the start of the IPv6 address it is written as.
  const isMapped = ip.version === 4 && address.includes(':')
  const prefixBits = Number(suffix) - (isMapped ? 96 : 0)
  if (prefixBits < 0 || prefixBits > ip.groups.length * 16) return null
  const hasHostBits = ip.groups.some((group, index) => (group & ~maskOf(prefixBits, index) & 0xffff) !== 0)
  return hasHostBits ? null : { ...ip, prefixBits }
}

/** Which bits of the group at `index` belong to a prefix. */
function maskOf(prefixBits: number, index: number): number {
  const bits = Math.min(16, Math.max(0, prefixBits - index * 16))
  return (0xffff << (16 - bits)) & 0xffff
}

/** True when the range holds the address. No IPv6 range holds an IPv4 address, `::/0` included. */
export function ipInRange(ip: Ip, range: IpRange): boolean {
  if (ip.version !== range.version) return false
  for (let index = 0; index * 16 < range.prefixBits; index += 1) {
    if (((ip.groups[index]! ^ range.groups[index]!) & maskOf(range.prefixBits, index)) !== 0) return false
  }
  return true
}

export function ipInRanges(ip: Ip, ranges: readonly IpRange[]): boolean {
  for (let index = 0; index < ranges.length; index += 1) {
    if (ipInRange(ip, ranges[index]!)) return true
  }
  return false
}

/** 2000::/3 is all that IANA has given out for global unicast. */
const GLOBAL_UNICAST_V6: IpRange = { version: 6, groups: [0x2000, 0, 0, 0, 0, 0, 0, 0], prefixBits: 3 }

/**
 * True of every address that is not plainly one host on the public Internet: loopback, private, link-local
 * (cloud metadata), carrier NAT, multicast, documentation, unspecified, broadcast, and those that carry an
 * IPv4 address inside (6to4, Teredo, NAT64, IPv4-compatible). An outgoing request to one is SSRF.
 */
export function isSpecialUse(ip: Ip): boolean {
  if (ip.version === 6 && !ipInRange(ip, GLOBAL_UNICAST_V6)) return true
  return toIpaddr(ip).range() !== 'unicast'
}

function toIpaddr(ip: Ip): ipaddr.IPv4 | ipaddr.IPv6 {
  if (ip.version === 6) return new ipaddr.IPv6([...ip.groups])
  return new ipaddr.IPv4(ip.groups.flatMap((group) => [group >> 8, group & 0xff]))
}

/**
 * Who sent the request: X-Forwarded-For is walked from the right, and each entry believed only because the
 * peer that wrote it is trusted. What stands further left was written by whoever sent the request.
 * @param peer address of the other end of the connection
 * @param forwardedFor the header's values in the order in which they came, each a comma-separated list
 * @returns the address in its one form, or null: not known (a trusted proxy wrote something else than an address)
 */
export function clientIp(
  peer: string,
  forwardedFor: readonly string[],
  trusted: readonly IpRange[],
): string | null {
  // The operating system adds the interface to link-local peers: `fe80::1%eth0`.
  const zone = peer.indexOf('%')
  let ip = parseIp(zone === -1 ? peer : peer.slice(0, zone))
  for (let line = forwardedFor.length - 1; line >= 0; line -= 1) {
    const list = forwardedFor[line]!
    let end = list.length
    while (end >= 0) {
      if (ip === null || !ipInRanges(ip, trusted)) return ip && formatIp(ip)
      const comma = end === 0 ? -1 : list.lastIndexOf(',', end - 1)
      const entry = list.slice(comma + 1, end).trim()
      // Empty list elements say nothing (RFC 9110 section 5.6.1).
      if (entry !== '') ip = parseForwarded(entry)
      end = comma
    }
  }
  return ip && formatIp(ip)
}

/** An entry of X-Forwarded-For; some proxies add the port, and then IPv6 stands in brackets. */
function parseForwarded(entry: string): Ip | null {
  const withPort = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?$/.exec(entry)
  return parseIp(withPort?.[1] ?? withPort?.[2] ?? entry)
}
