import { type Limit, limitProblem } from '@credence/core'
import type { FieldError } from '../operations/operation.ts'
import { type Reading, read, unreadable } from '../operations/reading.ts'
import type { LimitJson } from './schemas.ts'

/** @param field where the list stands in the request, for errors */
export function limitsFromJson(json: readonly LimitJson[] | undefined, field = 'limits'): Reading<Limit[]> {
  const limits: Limit[] = []
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, one] of (json ?? []).entries()) {
    const at = `${field}[${index}]`
    const limit = limitFromJson(one, at)
    if (!limit.ok) {
      errors.push(...limit.errors)
      continue
    }
    // Two of a name and type would count on one counter.
    const name = `${limit.value.type} ${limit.value.name}`
    if (seen.has(name)) errors.push({ field: `${at}.name`, detail: 'stands twice with this type' })
    seen.add(name)
    const problem = limitProblem(limit.value)
    if (problem !== null) errors.push({ field: `${at}.${problem.field}`, detail: problem.problem })
    limits.push(limit.value)
  }
  return errors.length > 0 ? { ok: false, errors } : read(limits)
}

function limitFromJson(json: LimitJson, at: string): Reading<Limit> {
  const { name, limit, window_seconds, period, refill } = json
  const type =
    json.type ?? (window_seconds !== undefined ? 'rate' : period !== undefined ? 'quota' : 'credits')
  const foreign = (['window_seconds', 'period', 'refill'] as const).find(
    (member) => json[member] !== undefined && json[member] !== null && member !== MEMBER_OF[type],
  )
  if (foreign !== undefined)
    return unreadable(`${at}.${foreign}`, `is not a member of a limit of type ${type}`)
  switch (type) {
    case 'rate':
      if (window_seconds === undefined) return unreadable(`${at}.window_seconds`, 'is required for a rate')
      return read({ type, name, limit, windowSeconds: window_seconds })
    case 'quota':
      if (period === undefined) return unreadable(`${at}.period`, 'is required for a quota')
      return read({ type, name, limit, period })
    case 'credits':
      return read({
        type,
        name,
        limit,
        refill: refill ? { amount: refill.amount, everySeconds: refill.every_seconds } : null,
      })
  }
}

const MEMBER_OF = { rate: 'window_seconds', quota: 'period', credits: 'refill' } as const

export function limitsToJson(limits: readonly Limit[]): LimitJson[] {
  return limits.map(limitToJson)
}

function limitToJson(limit: Limit): LimitJson {
  const { type, name } = limit
  switch (limit.type) {
    case 'rate':
      return { name, type, limit: limit.limit, window_seconds: limit.windowSeconds }
    case 'quota':
      return { name, type, limit: limit.limit, period: limit.period }
    case 'credits': {
      const refill = limit.refill && { amount: limit.refill.amount, every_seconds: limit.refill.everySeconds }
      return { name, type, limit: limit.limit, refill }
    }
  }
}
