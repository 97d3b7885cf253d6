import type { Command } from 'commander'
import type { CredenceCommand } from '../credence-command.ts'
import { type ListOptions, showList, withListOptions } from '../list-options.ts'
import { ago } from '../moment.ts'
import type { Column } from '../table.ts'
import type { Wiring } from '../wiring.ts'

interface AuditResource {
  readonly position: number
  readonly at: string
  readonly action: string
  readonly target: { readonly type: string; readonly id: string }
  /** null: the host itself (first start, recovery). */
  readonly actor: { readonly credential: string; readonly principal: string | null } | null
  readonly request_id: string | null
  readonly ip: string | null
}

export function addAudit(program: CredenceCommand, wiring: Wiring): void {
  withListOptions(program.command('audit'))
    .description('list who changed what, newest first')
    .example('credence audit --limit 20', 'credence audit --all --json > audit.json')
    .action(async (options: ListOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      await showList(invocation, '/v1/audit', {}, options, auditColumns(invocation.terminal.clock()))
    })
}

function auditColumns(nowMs: number): readonly Column<AuditResource>[] {
  return [
    { title: 'POSITION', value: (entry) => String(entry.position) },
    { title: 'AT', value: (entry) => ago(entry.at, nowMs) },
    { title: 'ACTION', value: (entry) => entry.action },
    { title: 'TARGET', value: (entry) => entry.target.id },
    { title: 'BY', value: (entry) => entry.actor?.credential ?? 'the host' },
    { title: 'FROM', value: (entry) => entry.ip ?? '-' },
    { title: 'REQUEST ID', value: (entry) => entry.request_id ?? '-', flexible: true },
  ]
}
