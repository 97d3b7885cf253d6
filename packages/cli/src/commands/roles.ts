import type { Command } from 'commander'
import { pathOf } from '../client.ts'
import type { CredenceCommand } from '../credence-command.ts'
import { usageFailure } from '../failure.ts'
import { collect, given, splitList } from '../list-flag.ts'
import { type ListOptions, showList, withListOptions } from '../list-options.ts'
import type { RoleResource } from '../resources.ts'
import type { Column } from '../table.ts'
import type { Wiring } from '../wiring.ts'

interface RoleOptions {
  readonly name?: string
  readonly api?: string
  readonly scopes?: readonly string[]
}

const COLUMNS: readonly Column<RoleResource>[] = [
  { title: 'NAME', value: (role) => role.name },
  { title: 'ID', value: (role) => role.id },
  { title: 'API', value: (role) => role.api },
  { title: 'SCOPES', value: (role) => role.scopes.join(' '), flexible: true },
]

export function addRoles(program: CredenceCommand, wiring: Wiring): void {
  const roles = program.command('roles').description('named sets of scopes of one API')

  roles
    .command('create <name>')
    .requiredOption('--api <api>', 'the API whose scopes they are')
    .requiredOption('--scopes <scopes>', 'scopes, divided by commas or spaces; repeatable', collect)
    .description('make a role')
    .example('credence roles create clerk --api orders --scopes orders:read,orders:write')
    .action(async (name: string, options: RoleOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const body = { name, api: options.api, scopes: splitList(options.scopes) }
      const role = await (await invocation.client()).post<RoleResource>('/v1/roles', body)
      if (invocation.jsonAsked) invocation.printJson(role)
      invocation.done(`role ${role.name} of ${role.api}: ${role.scopes.join(', ')}`)
    })

  withListOptions(roles.command('list'))
    .option('--api <api>', 'only the roles of this API')
    .description('list the roles')
    .example('credence roles list --api orders')
    .action(async (options: ListOptions & RoleOptions, command: Command) => {
      await showList(wiring.invocationOf(command), '/v1/roles', { api: options.api }, options, COLUMNS)
    })

  roles
    .command('show <role>')
    .description('show a role, by name or id')
    .example('credence roles show clerk')
    .action(async (ref: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const role = await (await invocation.client()).get<RoleResource>(pathOf('v1', 'roles', ref))
      if (invocation.json) invocation.printJson(role)
      else invocation.printTable(COLUMNS, [role])
    })

  roles
    .command('update <role>')
    .option('--name <name>', 'a new name')
    .option('--scopes <scopes>', 'the scopes it has from now on; repeatable', collect)
    .description('change a role; every credential that has it changes along')
    .example('credence roles update clerk --scopes orders:read')
    .action(async (ref: string, options: RoleOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const body = given({ name: options.name, scopes: splitList(options.scopes) })
      if (Object.keys(body).length === 0) throw usageFailure('nothing to change; give --name or --scopes')
      const role = await (await invocation.client()).patch<RoleResource>(pathOf('v1', 'roles', ref), body)
      if (invocation.jsonAsked) invocation.printJson(role)
      invocation.done(`role ${role.name} of ${role.api}: ${role.scopes.join(', ')}`)
    })

  roles
    .command('delete <role>')
    .description('delete a role, by name or id')
    .example('credence roles delete clerk')
    .action(async (ref: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      await (await invocation.client()).delete(pathOf('v1', 'roles', ref))
      invocation.done(`role ${ref} deleted`)
    })
}
