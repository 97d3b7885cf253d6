import { lookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type Ip, type IpRange, ipInRanges, isSpecialUse, parseIp } from '@credence/core'
import type { Context, OwnListener } from './context.ts'

/** All addresses of a name. Rejects when the name cannot be resolved. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

/** The system's resolver, asked for every address. */
export async function resolveAll(hostname: string): Promise<readonly string[]> {
  const addresses = await lookup(hostname, { all: true })
  return addresses.map(({ address }) => address)
}

/** The addresses of this machine's interfaces, now. */
export function localAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
}

export interface UpstreamRules {
  /** Special-use addresses that an upstream may have all the same. */
  readonly allow: readonly IpRange[]
  /** Credence's own; read at every check, since listeners open one after the other. */
  readonly listeners: readonly OwnListener[]
  /** Addresses of this machine's interfaces. */
  readonly localAddresses: () => readonly string[]
}

const LOOPBACK_V4: IpRange = { version: 4, groups: [0x7f00, 0], prefixBits: 8 }
const LOOPBACK_V6: IpRange = { version: 6, groups: [0, 0, 0, 0, 0, 0, 0, 1], prefixBits: 128 }

/**
 * The rules for the upstreams of a workspace. Where the owner has not said what is allowed, this machine is, to
 * `default` alone: its keys are the owner's, while those who hold another workspace's key need not be let at what
 * listens here for nobody but the owner.
 */
export function upstreamRulesFor(
  { config, listeners, defaultWorkspaceId }: Pick<Context, 'config' | 'listeners' | 'defaultWorkspaceId'>,
  workspaceId: string,
): UpstreamRules {
  const ownDefault = workspaceId === defaultWorkspaceId ? [LOOPBACK_V4, LOOPBACK_V6] : []
  return { allow: config.upstreamAllow ?? ownDefault, listeners, localAddresses }
}

/** A connection that the guard refused. To callers it looks like any upstream that cannot be reached. */
export class UpstreamRefused extends Error {
  override name = 'UpstreamRefused'
  readonly code = 'UPSTREAM_REFUSED'
}

/**
 * What is wrong with an API's upstream, or null. The answer holds for this moment: names may come to mean other
 * addresses, so guardedLookup asks again at each connection. A name that does not resolve yet is no problem here.
 */
export async function upstreamProblem(
  url: string,
  rules: UpstreamRules & { readonly resolve: Resolve },
): Promise<string | null> {
  const target = upstreamTarget(url)
  if (typeof target === 'string') return target
  const literal = parseIp(target.hostname)
  if (literal !== null) return addressProblem(literal, target.port, rules)
  let addresses: readonly string[]
  try {
    addresses = await rules.resolve(target.hostname)
  } catch {
    return null
  }
  for (const address of addresses) {
    const ip = parseIp(address)
    const problem =
      ip === null ? `resolves to ${address}, which is no address` : addressProblem(ip, target.port, rules)
    if (problem !== null) return problem
  }
  return null
}

/** Host (IPv6 without brackets) and port of an upstream's URL, or what is wrong with its form. */
export function upstreamTarget(url: string): { hostname: string; port: number } | string {
  if (!URL.canParse(url)) return 'is not a URL'
  const { protocol, username, password, pathname, search, hash, hostname, port } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') return 'must begin with http:// or https://'
  if (username !== '' || password !== '') return 'must not hold a user or password'
  if (pathname !== '/' || search !== '' || hash !== '' || /[?#\\]/.test(url)) {
    return 'must not have a path, query or fragment: routes and base_path say which paths there are'
  }
  // The URL parser reads 127.1, 0x7f.1 and 2130706433 as 127.0.0.1; what is checked below is what it made of them.
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return { hostname: bare, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) }
}

/** Why no connection may go to an address and port, or null. */
export function addressProblem(ip: Ip, port: number, rules: UpstreamRules): string | null {
  if (isOwnListener(ip, port, rules)) return "is one of Credence's own listeners"
  if (isSpecialUse(ip) && !ipInRanges(ip, rules.allow)) {
    return 'resolves to a special-use address (loopback, private, link-local, …) that is not allowed here; CREDENCE_UPSTREAM_ALLOW lists what is'
  }
  return null
}

/** A request to ourselves would be verified as whatever the gateway is, and could go round for ever. */
function isOwnListener(ip: Ip, port: number, { listeners, localAddresses }: UpstreamRules): boolean {
  if (!listeners.some((listener) => listener.port === port)) return false
  if (ipInRanges(ip, [LOOPBACK_V4, LOOPBACK_V6]) || ip.groups.every((group) => group === 0)) return true
  return localAddresses().some((address) => {
    const zone = address.indexOf('%')
    const local = parseIp(zone === -1 ? address : address.slice(0, zone))
    return (
      local !== null &&
      local.version === ip.version &&
      local.groups.every((group, index) => group === ip.groups[index])
    )
  })
}

/**
 * The look-up of one connection: every address of the name is checked, and the ones handed back are the ones
 * connected to. So a name that resolves to another address the second time (DNS rebinding) gains nothing.
 * @param port that the connection is for
 */
export function guardedLookup(port: number, resolve: Resolve, rules: UpstreamRules): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const checked: { address: string; family: number }[] = []
        for (const address of addresses) {
          const ip = parseIp(address)
          const problem = ip === null ? 'resolves to what is no address' : addressProblem(ip, port, rules)
          if (problem !== null) return callback(new UpstreamRefused(`the upstream ${problem}`), '', 0)
          if (!options.family || options.family === ip!.version)
            checked.push({ address, family: ip!.version })
        }
        const first = checked[0]
        if (first === undefined) return callback(new UpstreamRefused('the upstream has no address'), '', 0)
        if (options.all) callback(null, checked)
        else callback(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    )
  }
}
