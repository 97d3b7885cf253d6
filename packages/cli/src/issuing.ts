import { bindingOf } from './bind-flag.ts'
import { type Client, pathOf } from './client.ts'
import type { CredenceCommand } from './credence-command.ts'
import { type CredentialFlags, credentialMembers, withCredentialFlags } from './credential-flags.ts'
import { Failure } from './failure.ts'
import { whatOf } from './grant-flag.ts'
import type { Invocation } from './invocation.ts'
import { describeLimit } from './limit-flag.ts'
import { collect, given, splitList } from './list-flag.ts'
import { localDay } from './moment.ts'
import type { CredentialResource, IssuedResource, PrincipalResource } from './resources.ts'
import { printSecret } from './secret-output.ts'

/** What is said of every credential that is issued, whatever its kind. */
export interface IssueOptions extends CredentialFlags {
  readonly api: string
  readonly principal: string
  readonly externalId?: string
  readonly scopes?: readonly string[]
  readonly role?: readonly string[]
  readonly idempotencyKey?: string
}

export function withIssueOptions(command: CredenceCommand): CredenceCommand {
  const issuing = command
    .requiredOption('--api <api>', 'the API that it is for')
    .requiredOption('--principal <principal>', 'whose it is; made as an application where there is none')
    .option('--scopes <scopes>', 'what it may do, divided by commas or spaces; repeatable', collect)
    .option('--role <role>', 'a role of the API; repeatable', collect)
    .option('--external-id <id>', 'your own id for the principal, where it is made now')
  return withCredentialFlags(issuing)
    .option('--tag <tag>', 'to find it by; repeatable', collect)
    .option('--metadata <name=value>', 'handed on with every verdict, never interpreted; repeatable', collect)
    .option('--idempotency-key <key>', 'the same key again issues no second credential')
}

/** What only some kinds have. */
export interface KindMembers {
  readonly kind: string
  readonly username?: string | undefined
  readonly password?: string | undefined
}

/** Issues it, says so, and puts its secret alone on standard output; nothing, where the password was chosen or there is none. */
export async function issue(invocation: Invocation, options: IssueOptions, kind: KindMembers): Promise<void> {
  const client = await invocation.client()
  const binding = await bindingOf(options)
  const body = given({ ...issueBody(options, kind, invocation.terminal.clock()), binding })
  const issued = await client.post<IssuedResource>('/v1/credentials', body, options.idempotencyKey)
  const { credential, secret, secret_shown: wasShown } = issued
  if (!wasShown) {
    const made = (await isNewPrincipal(client, credential)) ? ` (new ${credential.principal.type})` : ''
    invocation.done(`credential ${credential.id} for ${credential.principal.name}${made}`)
    invocation.note(`  ${summary(credential)}; ${whatIsSecret(credential, secret)}`)
  }
  printSecret(invocation, { answer: issued, secret, wasShown, credentialId: credential.id })
}

function whatIsSecret({ kind }: CredentialResource, secret: string | null): string {
  if (kind === 'client_key') return 'no secret but the private key, which its owner has'
  return secret === null ? 'the password is the one that was given' : 'secret shown once'
}

function issueBody(options: IssueOptions, kind: KindMembers, nowMs: number): Record<string, unknown> {
  return given({
    ...kind,
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

/** `client id cli_8f0a, orders:read, 100 per minute, ends 2027-02-22` */
function summary(credential: CredentialResource): string {
  return [
    ...(credential.client_id === null ? [] : [`client id ${credential.client_id}`]),
    ...(credential.username === null ? [] : [`username ${credential.username}`]),
    ...credential.grants.map(whatOf),
    ...credential.limits.map(describeLimit),
    credential.expires_at === null ? 'no end' : `ends ${localDay(credential.expires_at)}`,
  ].join(', ')
}
