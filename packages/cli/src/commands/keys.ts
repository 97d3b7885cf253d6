import type { Command } from 'commander'
import { bindingOf } from '../bind-flag.ts'
import { type Client, pathOf } from '../client.ts'
import type { CredenceCommand } from '../credence-command.ts'
import { type CredentialFlags, credentialMembers, withCredentialFlags } from '../credential-flags.ts'
import { Failure } from '../failure.ts'
import { whatOf } from '../grant-flag.ts'
import { describeLimit } from '../limit-flag.ts'
import { collect, given, splitList } from '../list-flag.ts'
import { localDay } from '../moment.ts'
import type { CredentialResource, IssuedResource, PrincipalResource } from '../resources.ts'
import { printSecret } from '../secret-output.ts'
import type { Wiring } from '../wiring.ts'

interface KeyOptions extends CredentialFlags {
  readonly api: string
  readonly principal: string
  readonly externalId?: string
  readonly scopes?: readonly string[]
  readonly role?: readonly string[]
  readonly idempotencyKey?: string
}

export function addKeys(program: CredenceCommand, wiring: Wiring): void {
  const keys = program
    .command('keys')
    .description('API keys; everything after their making is under credentials')
  const create = keys
    .command('create')
    .requiredOption('--api <api>', 'the API that the key is for')
    .requiredOption('--principal <principal>', 'whose key it is; made as an application where there is none')
    .option('--scopes <scopes>', 'what it may do, divided by commas or spaces; repeatable', collect)
    .option('--role <role>', 'a role of the API; repeatable', collect)
    .option('--external-id <id>', 'your own id for the principal, where it is made now')
  withCredentialFlags(create)
    .option('--tag <tag>', 'to find it by; repeatable', collect)
    .option('--metadata <name=value>', 'handed on with every verdict, never interpreted; repeatable', collect)
    .option('--idempotency-key <key>', 'the same key again issues no second credential')
    .description('issue an API key; the key, and nothing else, goes to standard output')
    .example(
      'KEY=$(credence keys create --api orders --scopes orders:read --principal billing --external-id cus_42 --expires 90d --rate 100/1m)',
      "credence keys create --api orders --role clerk --principal till --ip 10.0.0.0/8 --path '/orders/**' --quota 10000/month > till.key",
      'credence keys create --api orders --scopes orders:write --principal till --bind-dpop till.jwk > till.key',
      'credence keys create --api credence --scopes credentials:verify:orders --principal orders-backend > verify.key',
    )
    .action(async (options: KeyOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const client = await invocation.client()
      const body = given({
        ...keyBody(options, invocation.terminal.clock()),
        binding: await bindingOf(options),
      })
      const issued = await client.post<IssuedResource>('/v1/credentials', body, options.idempotencyKey)
      const { credential, secret } = issued
      const made = (await isNewPrincipal(client, credential)) ? ` (new ${credential.principal.type})` : ''
      if (secret !== null) {
        invocation.done(`credential ${credential.id} for ${credential.principal.name}${made}`)
        invocation.note(`  ${summary(credential)}; secret shown once`)
      }
      printSecret(invocation, { answer: issued, secret, credentialId: credential.id })
    })
}

function keyBody(options: KeyOptions, nowMs: number): Record<string, unknown> {
  return given({
    kind: 'api_key',
    api: options.api,
    principal: options.principal,
    external_id: options.externalId,
    scopes: splitList(options.scopes),
    roles: splitList(options.role),
    ...credentialMembers(options, nowMs),
  })
}

/** Made in the same second as its credential. A key that may not read principals leaves it unsaid. */
async function isNewPrincipal(client: Client, credential: CredentialResource): Promise<boolean> {
  try {
    const principal = await client.get<PrincipalResource>(pathOf('v1', 'principals', credential.principal.id))
    return Math.abs(Date.parse(credential.created_at) - Date.parse(principal.created_at)) < 1000
  } catch (error) {
    if (error instanceof Failure) return false
    throw error
  }
}

/** `orders:read, 100 per minute, ends 2027-02-22` */
function summary(credential: CredentialResource): string {
  return [
    ...credential.grants.map(whatOf),
    ...credential.limits.map(describeLimit),
    credential.expires_at === null ? 'no end' : `ends ${localDay(credential.expires_at)}`,
  ].join(', ')
}
