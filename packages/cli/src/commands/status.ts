import type { Command } from 'commander'
import type { CredenceCommand } from '../credence-command.ts'
import type { Wiring } from '../wiring.ts'

export function addStatus(program: CredenceCommand, wiring: Wiring): void {
  program
    .command('status')
    .description('show how the server is: version, store, nodes, feed')
    .example('credence status', 'credence status --json --url https://credence.example --profile production')
    .action(async (_options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const status = await (await invocation.client()).get<unknown>('/v1/status')
      if (invocation.json) invocation.printJson(status)
      else invocation.printFacts(factsOf(status))
    })
}

/** Whatever the status holds, as pairs: members of members are joined by a space (`store name`). */
export function factsOf(value: unknown, name = ''): (readonly [string, string | null])[] {
  if (typeof value !== 'object' || value === null) return [[name, value === null ? null : String(value)]]
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object'))
    return [[name, value.join(' ')]]
  return Object.entries(value).flatMap(([member, inner]) => {
    const word = Array.isArray(value) ? String(Number(member) + 1) : member.replaceAll('_', ' ')
    return factsOf(inner, name === '' ? word : `${name} ${word}`)
  })
}
