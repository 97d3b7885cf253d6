import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { type IpRange, parseIpRange } from '@credence/core'
import { parsePostgresUrl } from './store/postgres-url.ts'

/** What became of a setting's text. A problem never repeats the text: it may be a secret put in the wrong place. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string }

/** Reads the text of one setting; it is never blank. `allowed` says what it takes, for messages and the reference. */
export interface Parser<T> {
  readonly allowed: string
  readonly parse: (text: string) => Parsed<T>
}

/** Where a listener binds. */
export interface ListenAddress {
  /** IPv4, IPv6 without brackets, or a host name. */
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}

export function wholeNumber(min: number, max: number): Parser<number> {
  const allowed = `a whole number from ${min} to ${max}`
  return {
    allowed,
    parse(text) {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
      return value >= min && value <= max ? pass(value) : fail(`is not ${allowed}`)
    },
  }
}

const COUNT = wholeNumber(1, 256)

/** A number of processes; `auto`: one for each core that this process may use. */
export const workerCount: Parser<number | 'auto'> = {
  allowed: `${COUNT.allowed}, or \`auto\` for one on each core`,
  parse: (text) => (text === 'auto' ? pass('auto') : COUNT.parse(text)),
}

export function oneOf<const T extends string>(...choices: readonly T[]): Parser<T> {
  return {
    allowed: choices.map((choice) => `\`${choice}\``).join(', '),
    parse(text) {
      const choice = choices.find((candidate) => candidate === text)
      return choice === undefined ? fail(`is not one of ${choices.join(', ')}`) : pass(choice)
    },
  }
}

export const flag: Parser<boolean> = {
  allowed: '`true`, `false`',
  parse: (text) =>
    text === 'true' || text === 'false' ? pass(text === 'true') : fail('is neither true nor false'),
}

export const filePath: Parser<string> = {
  allowed: 'a path, relative to the working directory',
  parse: (text) => (text.includes('\0') ? fail('holds a NUL character') : pass(text)),
}

export const nodeName: Parser<string> = {
  allowed: '1 to 63 of A-Z a-z 0-9 . _ -',
  parse: (text) =>
    /^[A-Za-z0-9._-]{1,63}$/.test(text) ? pass(text) : fail('is not 1 to 63 of A-Z a-z 0-9 . _ -'),
}

export const listenAddress: Parser<ListenAddress> = {
  allowed: '`host:port`, an IPv6 address in brackets, port 0 for any free one',
  parse: parseListenAddress,
}

export const listenAddressOrOff: Parser<ListenAddress | 'off'> = {
  allowed: `${listenAddress.allowed}; or \`off\``,
  parse: (text) => (text === 'off' ? pass('off') : parseListenAddress(text)),
}

export const publicUrl: Parser<string> = {
  allowed: 'an `https://` or `http://` URL without user, query and fragment',
  parse(text) {
    const url = URL.canParse(text) ? new URL(text) : null
    if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
      return fail('is not an https:// or http:// URL')
    }
    if (url.username !== '' || url.password !== '') return fail('holds a user or password')
    if (/[?#]/.test(text)) return fail('has a query or a fragment')
    return pass(url.href.replace(/\/+$/, ''))
  },
}

export const ipRanges: Parser<readonly IpRange[]> = {
  allowed: 'addresses and CIDR ranges, separated by commas; or `none`',
  parse(text) {
    if (text === 'none') return pass([])
    const ranges: IpRange[] = []
    for (const [index, part] of text.split(',').entries()) {
      const range = parseIpRange(part.trim())
      if (range === null) {
        return fail(
          `has an entry, number ${index + 1}, that is neither an address nor a CIDR range without host bits`,
        )
      }
      ranges.push(range)
    }
    return pass(ranges)
  },
}

/** The URL may hold a password, so no problem repeats any of it. */
export const databaseUrl: Parser<string> = {
  allowed:
    '`postgres://user:password@host:5432/database?sslmode=verify-full`; with `sslrootcert=<file>` for an authority of ' +
    'your own; `sslmode=disable` for a network you trust; without `sslmode` on this machine only',
  parse(text) {
    const address = parsePostgresUrl(text)
    if (typeof address === 'string') return fail(address)
    const isHere = address.host.startsWith('/') || isLoopbackHost(address.host)
    if (address.sslMode === null && !isHere)
      return fail(
        'names another machine and no sslmode, so the password would cross the network in the clear',
      )
    return pass(text)
  },
}

/** Where Valkey or Redis listens, and who asks. */
export interface ValkeyAddress {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  readonly username: string | null
  readonly password: string | null
  readonly database: number
  readonly tls: boolean
}

/** Scheme → whether it means TLS. */
const VALKEY_SCHEMES = new Map([
  ['redis:', false],
  ['valkey:', false],
  ['rediss:', true],
  ['valkeys:', true],
])

/** The URL may hold a password: no problem repeats a part of it. */
export const valkeyUrl: Parser<ValkeyAddress> = {
  allowed: 'a `valkey://`, `valkeys://`, `redis://` or `rediss://` URL; the ones with an s mean TLS',
  parse(text) {
    const url = URL.canParse(text) ? new URL(text) : null
    const tls = url === null ? undefined : VALKEY_SCHEMES.get(url.protocol)
    if (url === null || tls === undefined) {
      return fail('is not a valkey://, valkeys://, redis:// or rediss:// URL')
    }
    if (url.hostname === '') return fail('names no host')
    if (/[?#]/.test(text)) return fail('has a query or a fragment')
    const database = /^\/?$/.test(url.pathname) ? '0' : /^\/(\d{1,5})$/.exec(url.pathname)?.[1]
    if (database === undefined) return fail('has a path that is not the number of a database')
    const [username, password] = [url.username, url.password].map(decoded)
    if (username === undefined || password === undefined) {
      return fail('has a user or password with a broken percent escape')
    }
    if (username !== '' && password === '') return fail('names a user without a password')
    return pass({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 6379 : Number(url.port),
      username: username === '' ? null : username,
      password: password === '' ? null : password,
      database: Number(database),
      tls,
    })
  },
}

/** Undefined where an escape is broken. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** True when only this machine can reach the host. A name other than localhost may resolve to anything. */
export function isLoopbackHost(host: string): boolean {
  if (host.includes('%')) return false
  const family = isIP(host)
  if (family === 0) return host.toLowerCase() === 'localhost'
  return LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

/** `host:port`, an IPv6 host in brackets. */
export function formatListenAddress(address: ListenAddress): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

function parseListenAddress(text: string): Parsed<ListenAddress> {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  if (match === null) return fail(`is not ${listenAddress.allowed.replaceAll('`', '')}`)
  const [, bracketed, plain, digits] = match
  const host = bracketed ?? plain ?? ''
  const port = Number(digits)
  if (port > 65535) return fail('has a port above 65535')
  if (bracketed !== undefined && !isIPv6(bracketed)) return fail('has no IPv6 address in its brackets')
  if (bracketed === undefined && !isIPv4(host) && !isHostName(host)) {
    return fail('has a host that is neither an IP address nor a host name')
  }
  return pass({ host, port })
}

/** RFC 1123 names. One whose last label is a number would be read as an odd way to write IPv4 (RFC 3986). */
function isHostName(host: string): boolean {
  const labels = host.split('.')
  return (
    host.length <= 253 &&
    labels.every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)) &&
    !/^(?:\d+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? '')
  )
}

function pass<T>(value: T): Parsed<T> {
  return { ok: true, value }
}

function fail(problem: string): { ok: false; problem: string } {
  return { ok: false, problem }
}
