import { type IpRange, ipInRanges, parseIp, parseIpRange } from './ip.ts'
import { matchPath, type PathPattern, parsePathPattern } from './path-pattern.ts'
import type { Conditions } from './records.ts'
import { compileTimeWindow, timeWindowProblem } from './time-window.ts'

/** What is known of a request; null: not known, and then no condition about it holds. */
export interface RequestFacts {
  readonly ip: string | null
  readonly method: string | null
  /** Canonical, see target.ts. */
  readonly path: string | null
  readonly nowMs: number
}

/** The condition that does not hold, and why, for the operator's eyes. */
export interface UnmetCondition {
  readonly condition: 'ip_ranges' | 'methods' | 'paths' | 'time_window'
  readonly detail: string
}

export interface ConditionProblem {
  /** The record's field: `ipRanges[0]`, `timeWindow.days`. */
  readonly field: string
  readonly problem: string
}

/** Most members of one list: each is tried for every request. */
export const MAX_CONDITION_MEMBERS = 100

interface Compiled {
  readonly ipRanges: readonly IpRange[] | null
  readonly paths: readonly PathPattern[] | null
  readonly isOpen: ((nowMs: number) => boolean) | null
}

/** Compiled once per record as read. */
const compiled = new WeakMap<Conditions, Compiled>()

/** The first condition that the request does not meet, or null: all hold. */
export function checkConditions(conditions: Conditions, facts: RequestFacts): UnmetCondition | null {
  let one = compiled.get(conditions)
  if (one === undefined) {
    one = compile(conditions)
    compiled.set(conditions, one)
  }
  const { ip, method, path, nowMs } = facts
  if (one.ipRanges !== null && !isFrom(ip, one.ipRanges)) {
    return {
      condition: 'ip_ranges',
      detail: `${shown(ip, 'the address')} is in none of ${list(conditions.ipRanges)}`,
    }
  }
  if (conditions.methods !== null && !isMethodOf(method, conditions.methods)) {
    return {
      condition: 'methods',
      detail: `${shown(method, 'the method')} is none of ${list(conditions.methods)}`,
    }
  }
  if (one.paths !== null && (path === null || !one.paths.some((pattern) => matchPath(pattern, path)))) {
    return {
      condition: 'paths',
      detail: `${shown(path, 'the path')} matches none of ${list(conditions.paths)}`,
    }
  }
  if (one.isOpen !== null && !one.isOpen(nowMs)) {
    const { timeZone } = conditions.timeWindow!
    const detail = `${new Date(nowMs).toISOString()} is outside of the days and hours in ${timeZone}`
    return { condition: 'time_window', detail }
  }
  return null
}

/** A member that cannot be read, of a record that another release wrote, covers nothing. */
function compile({ ipRanges, paths, timeWindow }: Conditions): Compiled {
  return {
    ipRanges: ipRanges?.map(parseIpRange).filter((range) => range !== null) ?? null,
    paths: paths?.map(parsePathPattern).flatMap((parsed) => (parsed.ok ? [parsed.pattern] : [])) ?? null,
    isOpen: timeWindow === null ? null : compileTimeWindow(timeWindow),
  }
}

function isFrom(text: string | null, ranges: readonly IpRange[]): boolean {
  const ip = text === null ? null : parseIp(text)
  return ip !== null && ipInRanges(ip, ranges)
}

/** HEAD is GET without the body (RFC 9110 section 9.3.2). */
function isMethodOf(method: string | null, methods: readonly string[]): boolean {
  if (method === null) return false
  return methods.includes(method) || (method === 'HEAD' && methods.includes('GET'))
}

function shown(fact: string | null, name: string): string {
  return fact ?? `${name}, which is not known,`
}

function list(members: readonly string[] | null): string {
  return members?.join(', ') ?? ''
}

/** What is wrong with conditions that somebody wants to set, or null: nothing. */
export function conditionProblem(conditions: Conditions): ConditionProblem | null {
  const { ipRanges, methods, paths, timeWindow } = conditions
  return (
    listProblem('ipRanges', ipRanges, ipRangeProblem) ??
    listProblem('methods', methods, methodProblem) ??
    listProblem('paths', paths, pathProblem) ??
    windowProblem(timeWindow)
  )
}

function listProblem(
  field: string,
  members: readonly string[] | null,
  problemOf: (member: string) => string | null,
): ConditionProblem | null {
  if (members === null) return null
  if (members.length === 0) return { field, problem: 'empty: nothing would pass; null lifts the condition' }
  if (members.length > MAX_CONDITION_MEMBERS) return { field, problem: `more than ${MAX_CONDITION_MEMBERS}` }
  for (const [index, member] of members.entries()) {
    const problem = problemOf(member)
    if (problem !== null) return { field: `${field}[${index}]`, problem }
  }
  return null
}

function ipRangeProblem(text: string): string | null {
  if (parseIpRange(text) !== null) return null
  return 'an IPv4 or IPv6 address, or a CIDR range whose bits after the prefix are zero, such as 192.0.2.0/24'
}

function methodProblem(text: string): string | null {
  return /^[A-Z][A-Z0-9-]{0,31}$/.test(text) ? null : 'an HTTP method in upper case'
}

function pathProblem(text: string): string | null {
  const parsed = parsePathPattern(text)
  return parsed.ok ? null : parsed.problem
}

function windowProblem(window: Conditions['timeWindow']): ConditionProblem | null {
  const found = window === null ? null : timeWindowProblem(window)
  return found && { field: `timeWindow.${found.field}`, problem: found.problem }
}
