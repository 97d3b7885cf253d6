import type { Command } from 'commander'
import { pathOf } from '../client.ts'
import type { CredenceCommand } from '../credence-command.ts'
import { usageFailure } from '../failure.ts'
import { describeGrants, parseCeiling } from '../grant-flag.ts'
import type { Invocation } from '../invocation.ts'
import { describeLimit, limitsOf } from '../limit-flag.ts'
import { collect, given, parseMetadata } from '../list-flag.ts'
import { type ListOptions, showList, withListOptions } from '../list-options.ts'
import type { PrincipalResource } from '../resources.ts'
import type { Column } from '../table.ts'
import type { Wiring } from '../wiring.ts'

interface PrincipalOptions {
  readonly name?: string
  readonly type?: string
  readonly externalId?: string
  readonly owner?: string
  readonly contact?: string
  readonly ceiling?: readonly string[]
  readonly limit?: readonly string[]
  readonly metadata?: readonly string[]
  readonly disable?: boolean
  readonly enable?: boolean
}

const COLUMNS: readonly Column<PrincipalResource>[] = [
  { title: 'NAME', value: (principal) => principal.name },
  { title: 'ID', value: (principal) => principal.id },
  { title: 'TYPE', value: (principal) => principal.type },
  { title: 'EXTERNAL ID', value: (principal) => principal.external_id ?? '-', flexible: true },
  { title: 'OWNER', value: (principal) => principal.owner ?? '-', flexible: true },
  { title: 'STATE', value: (principal) => (principal.disabled ? 'disabled' : 'active') },
]

export function addPrincipals(program: CredenceCommand, wiring: Wiring): void {
  const principals = program
    .command('principals')
    .description('who is calling: applications, services, users')

  withPrincipalOptions(principals.command('create <name>'))
    .option('--type <type>', 'application, service or user', 'application')
    .description('make a principal')
    .example(
      'credence principals create billing --external-id cus_42 --contact billing@example.com',
      'credence principals create nightly-export --type service --ceiling orders=orders:read',
    )
    .action(async (name: string, options: PrincipalOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const client = await invocation.client()
      const principal = await client.post<PrincipalResource>('/v1/principals', {
        ...principalBody(options),
        name,
      })
      if (invocation.jsonAsked) invocation.printJson(principal)
      invocation.done(`${principal.type} ${principal.name} (${principal.id})`)
    })

  withListOptions(principals.command('list'))
    .option('--type <type>', 'only application, service or user')
    .option('--external-id <id>', 'only the one with this external id')
    .description('list the principals')
    .example('credence principals list --type service')
    .action(async (options: ListOptions & { type?: string; externalId?: string }, command: Command) => {
      const query = { type: options.type, external_id: options.externalId }
      await showList(wiring.invocationOf(command), '/v1/principals', query, options, COLUMNS)
    })

  principals
    .command('show <principal>')
    .description('show a principal, by name or id')
    .example('credence principals show billing')
    .action(async (ref: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const path = pathOf('v1', 'principals', ref)
      showPrincipal(invocation, await (await invocation.client()).get<PrincipalResource>(path))
    })

  withPrincipalOptions(principals.command('update <principal>'))
    .option('--name <name>', 'a new name')
    .option('--disable', 'refuse all of its credentials from now on')
    .option('--enable', 'let its credentials work again')
    .description('change a principal; --ceiling, --limit and --metadata replace what was there')
    .example(
      'credence principals update billing --ceiling orders=orders:read,orders:write',
      'credence principals update billing --disable',
    )
    .action(async (ref: string, options: PrincipalOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const body = principalBody(options)
      if (Object.keys(body).length === 0)
        throw usageFailure('nothing to change; see credence principals update --help')
      const client = await invocation.client()
      const principal = await client.patch<PrincipalResource>(pathOf('v1', 'principals', ref), body)
      if (invocation.jsonAsked) invocation.printJson(principal)
      invocation.done(`principal ${principal.name} changed`)
    })

  principals
    .command('delete <principal>')
    .description('delete a principal, by name or id')
    .example('credence principals delete billing')
    .action(async (ref: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      await (await invocation.client()).delete(pathOf('v1', 'principals', ref))
      invocation.done(`principal ${ref} deleted`)
    })
}

function withPrincipalOptions(command: CredenceCommand): CredenceCommand {
  return command
    .option('--external-id <id>', 'your own id for it, handed on with every verdict')
    .option('--owner <owner>', 'who answers for it')
    .option('--contact <contact>', 'whom to reach when a credential of it leaks')
    .option(
      '--ceiling <api=scopes>',
      'the most its credentials may do: api=scope,scope; or unrestricted, or nothing; repeatable',
      collect,
    )
    .option(
      '--limit <limit>',
      'limit over all of its credentials: 100/1m, 10000/month or 500; repeatable',
      collect,
    )
    .option('--metadata <name=value>', 'handed on with every verdict, never interpreted; repeatable', collect)
}

function principalBody(options: PrincipalOptions): Record<string, unknown> {
  if (options.disable === true && options.enable === true)
    throw usageFailure('--disable and --enable exclude each other')
  const switched = options.disable === true ? true : options.enable === true ? false : undefined
  return given({
    name: options.name,
    type: options.type,
    external_id: options.externalId,
    owner: options.owner,
    contact: options.contact,
    ceiling: parseCeiling(options.ceiling),
    limits: limitsOf({ limit: options.limit ?? [] }),
    metadata: parseMetadata(options.metadata),
    disabled: switched,
  })
}

function showPrincipal(invocation: Invocation, principal: PrincipalResource): void {
  if (invocation.json) {
    invocation.printJson(principal)
    return
  }
  invocation.printFacts([
    ['name', principal.name],
    ['id', principal.id],
    ['type', principal.type],
    ['state', principal.disabled ? 'disabled' : 'active'],
    ['external id', principal.external_id],
    ['owner', principal.owner],
    ['contact', principal.contact],
    ['ceiling', ceilingText(principal)],
    ['limits', principal.limits.map((limit) => `${limit.name}: ${describeLimit(limit)}`).join('; ')],
    [
      'metadata',
      Object.entries(principal.metadata)
        .map((entry) => entry.join('='))
        .join(' '),
    ],
  ])
}

function ceilingText(principal: PrincipalResource): string {
  if (principal.ceiling === null) return 'unrestricted'
  return principal.ceiling.length === 0 ? 'nothing' : describeGrants(principal.ceiling)
}
