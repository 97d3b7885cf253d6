import type { Command } from 'commander'
import { pathOf } from '../client.ts'
import type { CredenceCommand } from '../credence-command.ts'
import { formatMilliseconds } from '../duration.ts'
import { inert } from '../inert.ts'
import type { Invocation } from '../invocation.ts'
import { type DecisionResource, referenceId } from '../resources.ts'
import type { Wiring } from '../wiring.ts'

export function addWhy(program: CredenceCommand, wiring: Wiring): void {
  program
    .command('why <request-id>')
    .description('explain a decision: each check in order, and what would let the request through')
    .example('credence why 01JD8Z6N3K9QF4T7', 'credence why 01JD8Z6N3K9QF4T7 --json')
    .action(async (requestId: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const client = await invocation.client()
      const decision = await client.get<DecisionResource>(pathOf('v1', 'decisions', requestId))
      // An explanation is for people, also in a pipe: JSON only on demand.
      if (invocation.jsonAsked) invocation.printJson(decision)
      else invocation.print(explanation(decision, invocation.paint))
    })
}

/**
 * ```
 * DENY INSUFFICIENT_SCOPE  POST /orders/7  credential 5Hd8…  0.2 ms
 *   ✓ extract ✓ state ✓ time ✓ secret ✓ conditions
 *   ✗ scopes: route POST /orders/* needs orders:write; has orders:read
 *   to allow: npx credence credentials update 5Hd8… --add-scope orders:write
 * ```
 */
export function explanation(decision: DecisionResource, paint: Invocation['paint']): string {
  const checks = decision.checks ?? []
  const lines = [headline(decision, paint)]
  const passed = checks.filter((check) => check.outcome === 'passed')
  if (passed.length > 0)
    lines.push(passed.map((check) => `${paint.good('✓')} ${inert(check.name)}`).join(' '))
  for (const { name, detail } of checks.filter((check) => check.outcome === 'failed')) {
    const why = detail === null || detail === undefined ? '' : `: ${inert(detail)}`
    lines.push(`${paint.bad('✗')} ${inert(name)}${why}`)
  }
  if (decision.to_allow !== null && decision.to_allow !== undefined)
    lines.push(`to allow: ${inert(decision.to_allow)}`)
  return lines.map((line, i) => `${i === 0 ? '' : '  '}${line}\n`).join('')
}

function headline(decision: DecisionResource, paint: Invocation['paint']): string {
  const verdict = decision.code === 'VALID' ? paint.good('ALLOW') : paint.bad(`DENY ${inert(decision.code)}`)
  const request = [decision.method, decision.path].filter((part) => part !== null).join(' ')
  const credential = referenceId(decision.credential)
  const parts = [verdict]
  if (request !== '') parts.push(inert(request))
  if (credential !== null) parts.push(inert(`credential ${credential}`))
  if (decision.duration_ms !== null) parts.push(formatMilliseconds(decision.duration_ms))
  return parts.join('  ')
}
