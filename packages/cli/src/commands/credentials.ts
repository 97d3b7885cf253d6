import type { Command } from 'commander'
import { bindingOf } from '../bind-flag.ts'
import { pathOf } from '../client.ts'
import type { CredenceCommand } from '../credence-command.ts'
import { type CredentialPatchFlags, credentialPatch, withCredentialFlags } from '../credential-flags.ts'
import { credentialColumns, printCredential } from '../credential-view.ts'
import { usageFailure } from '../failure.ts'
import { whatOf } from '../grant-flag.ts'
import type { Invocation } from '../invocation.ts'
import { type IssueOptions, issue, withIssueOptions } from '../issuing.ts'
import { collect, given, parseWhole } from '../list-flag.ts'
import { type ListOptions, showList, withListOptions } from '../list-options.ts'
import { parseMoment } from '../moment.ts'
import { PASSWORD_OPTION, passwordFrom } from '../password-source.ts'
import type { CredentialResource, IssuedResource } from '../resources.ts'
import { overlapSeconds, type RevokedResource, reportRevocation, reportRotation } from '../rotation.ts'
import { printSecret } from '../secret-output.ts'
import type { Wiring } from '../wiring.ts'

export function addCredentials(program: CredenceCommand, wiring: Wiring): void {
  const credentials = program
    .command('credentials')
    .description('what proves a principal: issue, see, change, rotate, take back')
  addCreate(credentials, wiring)
  addList(credentials, wiring)
  addShow(credentials, wiring)
  addUpdate(credentials, wiring)
  addRotate(credentials, wiring)
  addRevoke(credentials, wiring)
  addSwitches(credentials, wiring)
}

interface PasswordFlag {
  readonly passwordFile?: string
}

async function passwordOf(
  { passwordFile }: PasswordFlag,
  { terminal }: Pick<Invocation, 'terminal'>,
  command: Command,
): Promise<string | undefined> {
  if (passwordFile === '-' && command.optsWithGlobals<{ key?: string }>().key === '-') {
    throw usageFailure('the password and the key cannot both come from standard input')
  }
  return passwordFile === undefined ? undefined : passwordFrom(passwordFile, terminal)
}

interface CreateOptions extends IssueOptions, PasswordFlag {
  readonly kind: string
  readonly username?: string
}

function addCreate(credentials: CredenceCommand, wiring: Wiring): void {
  const create = credentials
    .command('create')
    .requiredOption('--kind <kind>', 'api_key, client_secret, client_key or basic')
    .option('--username <username>', 'of kind basic: what it is presented as, unique in the workspace')
    .option(...PASSWORD_OPTION)
  withIssueOptions(create)
    .description(
      'issue a credential of any kind; its secret, where it has one, and nothing else goes to standard output',
    )
    .example(
      'SECRET=$(credence credentials create --kind client_secret --api orders --scopes orders:read --principal billing)',
      'credence credentials create --kind client_key --bind-certificate client.pem --api orders --scopes orders:read --principal billing',
      'credence credentials create --kind basic --username nightly-export --api orders --scopes orders:read --principal export > password',
      'credence credentials create --kind basic --username ann --password-file - --api orders --scopes orders:read --principal ann',
    )
    .action(async (options: CreateOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const { kind, username } = options
      await issue(invocation, options, {
        kind,
        username,
        password: await passwordOf(options, invocation, command),
      })
    })
}

interface CredentialListOptions extends ListOptions {
  readonly principal?: string
  readonly api?: string
  readonly kind?: string
  readonly status?: string
  readonly tag?: string
  readonly expiresBefore?: string
  readonly parent?: string
}

function addList(credentials: CredenceCommand, wiring: Wiring): void {
  withListOptions(credentials.command('list'))
    .option('--principal <principal>', 'only those of this principal')
    .option('--api <api>', 'only those with a grant for this API')
    .option('--kind <kind>', 'only this kind, such as api_key; access_token is left out unless asked for')
    .option('--status <status>', 'only active, disabled, quarantined, revoked, expired or not_yet_valid')
    .option('--tag <tag>', 'only those with this tag')
    .option('--expires-before <when>', 'only those that end before: 30d, or an RFC 3339 time')
    .option('--parent <id>', 'only access tokens that came from this credential, or tokens of this issuer')
    .description('list the credentials, newest first')
    .example(
      'credence credentials list --api orders --status active',
      'credence credentials list --expires-before 30d --all --json',
    )
    .action(async (options: CredentialListOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const nowMs = invocation.terminal.clock()
      const { principal, api, kind, status, tag, expiresBefore, parent } = options
      const before = expiresBefore === undefined ? undefined : parseMoment(expiresBefore, nowMs)
      if (before === null) throw usageFailure('--expires-before takes 30d or an RFC 3339 time')
      const query = { principal, api, kind, status, tag, expires_before: before, parent }
      await showList(invocation, '/v1/credentials', query, options, credentialColumns(nowMs))
    })
}

function addShow(credentials: CredenceCommand, wiring: Wiring): void {
  credentials
    .command('show <id>')
    .description('show a credential and the versions of its secret; never the secret')
    .example('credence credentials show 5Hd8kQ2mZx1a')
    .action(async (id: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const credential = await (await invocation.client()).get<CredentialResource>(
        pathOf('v1', 'credentials', id),
      )
      if (invocation.json) invocation.printJson(credential)
      else printCredential(invocation, credential)
    })
}

function addUpdate(credentials: CredenceCommand, wiring: Wiring): void {
  const update = credentials
    .command('update <id>')
    .option('--add-scope <scopes>', 'scopes that it gets; repeatable', collect)
    .option('--remove-scope <scopes>', 'scopes that it loses; repeatable', collect)
    .option('--api <api>', 'the API of those scopes; needed where it has grants for several')
  withCredentialFlags(update)
    .option('--no-limits', 'take away the limits it has')
    .option('--no-conditions', 'take away the conditions it has')
    .option('--no-binding', 'bind it to no key any more')
    .option('--add-tag <tag>', 'tag that it gets; repeatable', collect)
    .option('--remove-tag <tag>', 'tag that it loses; repeatable', collect)
    .option('--metadata <name=value>', 'set one entry, keep the others; repeatable', collect)
    .option('--no-metadata', 'take away the metadata it has')
    .description('change a credential; what no option names stays as it is')
    .example(
      'credence credentials update 5Hd8kQ2mZx1a --add-scope orders:write',
      'credence credentials update 5Hd8kQ2mZx1a --expires 30d --rate 50/1m --no-conditions',
    )
    .action(async (id: string, options: CredentialPatchFlags, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const client = await invocation.client()
      const path = pathOf('v1', 'credentials', id)
      const current = await client.get<CredentialResource>(path)
      const body = given({
        ...credentialPatch(current, options, invocation.terminal.clock()),
        binding: await bindingOf(options),
      })
      if (Object.keys(body).length === 0)
        throw usageFailure('nothing to change; see credence credentials update --help')
      const changed = await client.patch<CredentialResource>(path, body, current.revision)
      if (invocation.jsonAsked) invocation.printJson(changed)
      const grants = changed.grants.map((grant) => `${grant.api}: ${whatOf(grant)}`).join('; ')
      invocation.done(`credential ${changed.id} changed; ${grants}`)
    })
}

function addRotate(credentials: CredenceCommand, wiring: Wiring): void {
  credentials
    .command('rotate <id>')
    .option('--overlap <duration>', 'how long the secret before it still works, such as 1h', '0s')
    .option('--idempotency-key <key>', 'the same key again makes no second version')
    .option(...PASSWORD_OPTION)
    .description('issue a new secret; it, and nothing else, goes to standard output')
    .example(
      'NEW=$(credence credentials rotate 5Hd8kQ2mZx1a --overlap 1h)',
      'credence credentials rotate 7Kp2wQ9sLm4c --password-file new-password',
    )
    .action(async (id: string, options: RotateOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const password = await passwordOf(options, invocation, command)
      const body = given({ overlap_seconds: overlapSeconds(options.overlap), password })
      const path = pathOf('v1', 'credentials', id, 'rotate')
      const client = await invocation.client()
      const issued = await client.post<IssuedResource>(path, body, options.idempotencyKey)
      const { credential, secret, secret_shown: wasShown } = issued
      if (!wasShown) reportRotation(invocation, credential)
      printSecret(invocation, { answer: issued, secret, wasShown, credentialId: credential.id })
    })
}

interface RotateOptions extends PasswordFlag {
  readonly overlap: string
  readonly idempotencyKey?: string
}

function addRevoke(credentials: CredenceCommand, wiring: Wiring): void {
  credentials
    .command('revoke <id>')
    .option('--reason <reason>', 'why, for those who look later')
    .option('--version <n>', 'only this version of its secret')
    .description('take a credential back, for good; it is refused everywhere when this returns')
    .example(
      "credence credentials revoke 5Hd8kQ2mZx1a --reason 'found in a public repository'",
      'credence credentials revoke 5Hd8kQ2mZx1a --version 1',
    )
    .action(async (id: string, options: { reason?: string; version?: string }, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const version = options.version === undefined ? null : parseWhole('--version', options.version)
      const path =
        version === null
          ? pathOf('v1', 'credentials', id, 'revoke')
          : pathOf('v1', 'credentials', id, 'versions', String(version), 'revoke')
      const client = await invocation.client()
      const revoked = await client.post<RevokedResource>(path, given({ reason: options.reason }))
      reportRevocation(invocation, revoked, version)
    })
}

function addSwitches(credentials: CredenceCommand, wiring: Wiring): void {
  credentials
    .command('disable <id>')
    .option('--reason <reason>', 'why, for those who look later')
    .description('refuse a credential until it is enabled again')
    .example("credence credentials disable 5Hd8kQ2mZx1a --reason 'invoice unpaid'")
    .action(async (id: string, options: { reason?: string }, command: Command) => {
      await switchState(wiring, command, id, 'disable', given({ reason: options.reason }))
    })

  credentials
    .command('enable <id>')
    .description('let a disabled credential work again')
    .example('credence credentials enable 5Hd8kQ2mZx1a')
    .action(async (id: string, _options: object, command: Command) => {
      await switchState(wiring, command, id, 'enable', {})
    })

  credentials
    .command('delete <id>')
    .description('delete a credential and what is known of it; to take one back, revoke it')
    .example('credence credentials delete 5Hd8kQ2mZx1a')
    .action(async (id: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      await (await invocation.client()).delete(pathOf('v1', 'credentials', id))
      invocation.done(`credential ${id} deleted`)
    })
}

async function switchState(
  wiring: Wiring,
  command: Command,
  id: string,
  verb: 'disable' | 'enable',
  body: object,
): Promise<void> {
  const invocation = wiring.invocationOf(command)
  const client = await invocation.client()
  const answer = await client.post<unknown>(pathOf('v1', 'credentials', id, verb), body)
  if (invocation.jsonAsked) invocation.printJson(answer)
  invocation.done(`credential ${id} ${verb}d`)
}
