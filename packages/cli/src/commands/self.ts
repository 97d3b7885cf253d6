import type { Command } from 'commander'
import type { CredenceCommand } from '../credence-command.ts'
import { printCredential } from '../credential-view.ts'
import { given } from '../list-flag.ts'
import type { CredentialResource, IssuedResource } from '../resources.ts'
import { overlapSeconds, type RevokedResource, reportRevocation, reportRotation } from '../rotation.ts'
import { printSecret } from '../secret-output.ts'
import type { Wiring } from '../wiring.ts'

const PATH = '/v1/credentials/self'

/** For holders of a credential: it needs no right of administration to see, rotate or give back one's own. */
export function addSelf(program: CredenceCommand, wiring: Wiring): void {
  const self = program.command('self').description('the credential that is presented: see, rotate, revoke it')

  self
    .command('show')
    .description('show the credential that is presented')
    .example('credence self show --key-file my.key')
    .action(async (_options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const credential = await (await invocation.client()).get<CredentialResource>(PATH)
      if (invocation.json) invocation.printJson(credential)
      else printCredential(invocation, credential)
    })

  self
    .command('rotate')
    .option('--overlap <duration>', 'how long the secret that is presented still works, such as 1h', '0s')
    .option('--idempotency-key <key>', 'the same key again makes no second version')
    .description('issue a new secret for it; the secret, and nothing else, goes to standard output')
    .example('credence self rotate --key-file my.key --overlap 1h > my-new.key')
    .action(async (options: { overlap: string; idempotencyKey?: string }, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const body = { overlap_seconds: overlapSeconds(options.overlap) }
      const client = await invocation.client()
      const issued = await client.post<IssuedResource>(`${PATH}/rotate`, body, options.idempotencyKey)
      if (issued.secret !== null) reportRotation(invocation, issued.credential)
      printSecret(invocation, {
        ...{ answer: issued, secret: issued.secret, wasShown: issued.secret_shown },
        credentialId: issued.credential.id,
      })
    })

  self
    .command('revoke')
    .option('--reason <reason>', 'why, for those who look later')
    .description('take back the credential that is presented, for good')
    .example('credence self revoke --key-file my.key --reason leaked')
    .action(async (options: { reason?: string }, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const client = await invocation.client()
      const revoked = await client.post<RevokedResource>(`${PATH}/revoke`, given({ reason: options.reason }))
      reportRevocation(invocation, revoked, null)
    })
}
