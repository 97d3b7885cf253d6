import { connect } from 'node:net'
import { parseIp } from '@credence/core'
import {
  addressProblem,
  guardedLookup,
  resolveAll,
  upstreamProblem,
  upstreamRulesFor,
  upstreamTarget,
} from '../upstream-guard.ts'

type Host = Parameters<typeof upstreamRulesFor>[0]

const PROBE_MS = 500

/** Why the gateway must not forward to an upstream for an API of a workspace, or null. */
export function upstreamRefusal(host: Host, workspaceId: string, upstream: string): Promise<string | null> {
  return upstreamProblem(upstream, { ...upstreamRulesFor(host, workspaceId), resolve: resolveAll })
}

/**
 * Whether something takes connections there, within half a second. Goes through the same guard as every request
 * to an upstream, so it tells nothing about addresses that none may go to.
 */
export function answersAt(host: Host, workspaceId: string, upstream: string): Promise<boolean> {
  const target = upstreamTarget(upstream)
  if (typeof target === 'string') return Promise.resolve(false)
  const { hostname, port } = target
  const rules = upstreamRulesFor(host, workspaceId)
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
