import type { Command } from 'commander'
import { pathOf } from '../client.ts'
import type { CredenceCommand } from '../credence-command.ts'
import { type ListOptions, showList, withListOptions } from '../list-options.ts'
import { localDay } from '../moment.ts'
import type { IssuedResource, WorkspaceResource } from '../resources.ts'
import { printSecret } from '../secret-output.ts'
import type { Column } from '../table.ts'
import type { Wiring } from '../wiring.ts'

const COLUMNS: readonly Column<WorkspaceResource>[] = [
  { title: 'NAME', value: (workspace) => workspace.name },
  { title: 'ID', value: (workspace) => workspace.id },
  { title: 'PREFIX', value: (workspace) => workspace.key_prefix },
  { title: 'CREATED', value: (workspace) => localDay(workspace.created_at) },
]

interface WorkspaceCreated {
  readonly workspace: WorkspaceResource
  readonly admin_key: IssuedResource
}

export function addWorkspaces(program: CredenceCommand, wiring: Wiring): void {
  const workspaces = program
    .command('workspaces')
    .description('isolation boundaries (tenants, environments): nothing crosses them')

  workspaces
    .command('create <name>')
    .option('--prefix <prefix>', 'prefix of the keys issued there, such as crd_test')
    .option('--idempotency-key <key>', 'the same key again makes no second workspace')
    .description('make a workspace; its admin key, and nothing else, goes to standard output')
    .example('credence workspaces create test --prefix crd_test > test-admin.key')
    .action(async (name: string, options: { prefix?: string; idempotencyKey?: string }, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const body = options.prefix === undefined ? { name } : { name, prefix: options.prefix }
      const client = await invocation.client()
      const created = await client.post<WorkspaceCreated>('/v1/workspaces', body, options.idempotencyKey)
      const { workspace, admin_key } = created
      invocation.done(`workspace ${workspace.name}, keys begin ${workspace.key_prefix}_`)
      if (admin_key.secret !== null) invocation.note('  admin key shown once')
      printSecret(invocation, {
        answer: created,
        ...{ secret: admin_key.secret, wasShown: admin_key.secret === null },
        credentialId: admin_key.credential.id,
      })
    })

  withListOptions(workspaces.command('list'))
    .description('list the workspaces; a key of another than default sees only its own')
    .example('credence workspaces list')
    .action(async (options: ListOptions, command: Command) => {
      await showList(wiring.invocationOf(command), '/v1/workspaces', {}, options, COLUMNS)
    })

  workspaces
    .command('show <workspace>')
    .description('show a workspace, by name or id')
    .example('credence workspaces show test')
    .action(async (ref: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const path = pathOf('v1', 'workspaces', ref)
      const workspace = await (await invocation.client()).get<WorkspaceResource>(path)
      if (invocation.json) invocation.printJson(workspace)
      else invocation.printTable(COLUMNS, [workspace])
    })

  workspaces
    .command('delete <workspace>')
    .description('delete a workspace, by name or id')
    .example('credence workspaces delete test')
    .action(async (ref: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      await (await invocation.client()).delete(pathOf('v1', 'workspaces', ref))
      invocation.done(`workspace ${ref} deleted`)
    })
}
