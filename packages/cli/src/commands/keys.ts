import type { Command } from 'commander'
import type { CredenceCommand } from '../credence-command.ts'
import { type IssueOptions, issue, withIssueOptions } from '../issuing.ts'
import type { Wiring } from '../wiring.ts'

export function addKeys(program: CredenceCommand, wiring: Wiring): void {
  const keys = program
    .command('keys')
    .description('API keys; everything after their making is under credentials')
  withIssueOptions(keys.command('create'))
    .description('issue an API key; the key, and nothing else, goes to standard output')
    .example(
      'KEY=$(credence keys create --api orders --scopes orders:read --principal billing --external-id cus_42 --expires 90d --rate 100/1m)',
      "credence keys create --api orders --role clerk --principal till --ip 10.0.0.0/8 --path '/orders/**' --quota 10000/month > till.key",
      'credence keys create --api orders --scopes orders:write --principal till --bind-dpop till.jwk > till.key',
      'credence keys create --api credence --scopes credentials:verify:orders --principal orders-backend > verify.key',
    )
    .action(async (options: IssueOptions, command: Command) => {
      await issue(wiring.invocationOf(command), options, { kind: 'api_key' })
    })
}
