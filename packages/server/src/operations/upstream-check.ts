import { connect } from 'node:net'
import { parseIp } from '@credence/core'
import type { Context } from '../context.ts'
import {
  addressProblem,
  guardedLookup,
  localAddresses,
  resolveAll,
  type UpstreamRules,
  upstreamProblem,
  upstreamTarget,
} from '../upstream-guard.ts'

type Host = Pick<Context, 'config' | 'listeners'>

const PROBE_MS = 500

function rulesOf({ config, listeners }: Host): UpstreamRules {
  return { allow: config.upstreamAllow, listeners, localAddresses }
}

/** Why the gateway must not forward to an upstream, or null. */
export function upstreamRefusal(host: Host, upstream: string): Promise<string | null> {
  return upstreamProblem(upstream, { ...rulesOf(host), resolve: resolveAll })
}

/**
 * Whether something takes connections there, within half a second. Goes through the same guard as every request
 * to an upstream, so it tells nothing about addresses that none may go to.
 */
export function answersAt(host: Host, upstream: string): Promise<boolean> {
  const target = upstreamTarget(upstream)
  if (typeof target === 'string') return Promise.resolve(false)
  const { hostname, port } = target
  const rules = rulesOf(host)
  const literal = parseIp(hostname)
  if (literal !== null && addressProblem(literal, port, rules) !== null) return Promise.resolve(false)
  return new Promise((settle) => {
    const socket = connect({ host: hostname, port, lookup: guardedLookup(port, resolveAll, rules) })
    const finish = (answers: boolean) => {
      socket.destroy()
      settle(answers)
    }
    socket.setTimeout(PROBE_MS, () => finish(false))
    socket.once('connect', () => finish(true))
    socket.once('error', () => finish(false))
  })
}
