import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { pathOf } from '../client.ts'
import type { CredenceCommand } from '../credence-command.ts'
import { parseDuration } from '../duration.ts'
import { usageFailure } from '../failure.ts'
import type { Invocation } from '../invocation.ts'
import { limitsOf } from '../limit-flag.ts'
import { collect, given, splitList } from '../list-flag.ts'
import { type ListOptions, showList, withListOptions } from '../list-options.ts'
import { parseMoment } from '../moment.ts'
import type { IssuerResource, TokensRevokedResource } from '../resources.ts'
import type { Column } from '../table.ts'
import type { Wiring } from '../wiring.ts'

interface IssuerOptions {
  readonly name?: string
  readonly issuer?: string
  readonly audience?: string
  readonly api?: string
  readonly algorithm?: readonly string[]
  readonly jwks?: string
  readonly jwksUri?: string
  readonly discovery?: string | boolean
  /** false: --no-decryption. */
  readonly decryption?: string | false
  readonly decryptionGenerate?: string
  readonly decryptionKeep?: readonly string[]
  readonly encryption?: readonly string[]
  readonly principalClaim?: string
  readonly principalPrefix?: string
  readonly scopesClaim?: string
  readonly scopesPrefix?: string
  readonly scopes?: readonly string[]
  readonly require?: readonly string[]
  readonly type?: readonly string[]
  readonly clockSkew?: string
  readonly maxAge?: string
  readonly limit?: readonly string[]
  readonly disable?: boolean
  readonly enable?: boolean
}

interface RevokeOptions {
  readonly jti?: string
  readonly expires?: string
  readonly before?: string
  readonly principal?: string
  readonly reason?: string
}

const COLUMNS: readonly Column<IssuerResource>[] = [
  { title: 'NAME', value: (issuer) => issuer.name },
  { title: 'ID', value: (issuer) => issuer.id },
  { title: 'API', value: (issuer) => issuer.api },
  { title: 'ISSUER', value: (issuer) => issuer.issuer, flexible: true },
  { title: 'AUDIENCE', value: (issuer) => issuer.audience, flexible: true },
  { title: 'ALGORITHMS', value: (issuer) => issuer.algorithms.join(' ') },
  { title: 'STATE', value: (issuer) => (issuer.disabled ? 'disabled' : 'active') },
]

export function addIssuers(program: CredenceCommand, wiring: Wiring): void {
  const issuers = program.command('issuers').description('issuers whose tokens (JWTs) are trusted at an API')

  withIssuerOptions(issuers.command('create <name>'))
    .requiredOption('--api <api>', 'the API that trusts it; it never changes')
    .requiredOption('--issuer <iss>', 'iss of its tokens, character for character')
    .requiredOption('--audience <aud>', 'what aud of its tokens is, or holds')
    .description('trust an issuer')
    .example(
      'credence issuers create sso --api orders --issuer https://sso.example --audience https://orders.example --algorithm RS256 --discovery',
      'credence issuers create partner --api orders --issuer https://partner.example --audience https://orders.example --algorithm ES256 --discovery --decryption-generate ECDH-ES+A256KW > public.jwks',
      'credence issuers create github --api credence --issuer https://token.actions.githubusercontent.com --audience credence --algorithm RS256 --jwks-uri https://token.actions.githubusercontent.com/.well-known/jwks --require repository=acme/shop --require ref=refs/heads/main --scopes credentials:write:orders',
    )
    .action(async (name: string, options: IssuerOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const body = { name, api: options.api, ...(await issuerBody(invocation, options)) }
      report(invocation, await (await invocation.client()).post<IssuerResource>('/v1/issuers', body), options)
    })

  withListOptions(issuers.command('list'))
    .option('--api <api>', 'only the issuers that this API trusts')
    .description('list the issuers')
    .example('credence issuers list --api orders')
    .action(async (options: ListOptions & IssuerOptions, command: Command) => {
      await showList(wiring.invocationOf(command), '/v1/issuers', { api: options.api }, options, COLUMNS)
    })

  issuers
    .command('show <issuer>')
    .description('show an issuer, by name or id')
    .example('credence issuers show sso --json')
    .action(async (ref: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const issuer = await (await invocation.client()).get<IssuerResource>(pathOf('v1', 'issuers', ref))
      if (invocation.json) invocation.printJson(issuer)
      else invocation.printTable(COLUMNS, [issuer])
    })

  addUpdate(issuers, wiring)
  addRevoke(issuers, wiring)

  issuers
    .command('delete <issuer>')
    .description('trust an issuer no longer; its tokens are refused everywhere when this returns')
    .example('credence issuers delete sso')
    .action(async (ref: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      await (await invocation.client()).delete(pathOf('v1', 'issuers', ref))
      invocation.done(`issuer ${ref} deleted`)
    })
}

function addUpdate(issuers: CredenceCommand, wiring: Wiring): void {
  withIssuerOptions(issuers.command('update <issuer>'))
    .option('--name <name>', 'a new name')
    .option('--issuer <iss>', 'iss of its tokens')
    .option('--audience <aud>', 'what aud of its tokens is, or holds')
    .option('--no-decryption', 'accept none of its tokens that are encrypted')
    .option('--disable', 'accept none of its tokens')
    .option('--enable', 'accept its tokens again')
    .description('change an issuer; an option about claims replaces the whole mapping')
    .example('credence issuers update sso --disable', 'credence issuers update sso --algorithm ES256')
    .action(async (ref: string, options: IssuerOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      if (options.disable && options.enable) throw usageFailure('give --disable or --enable, not both')
      const disabled = options.disable ? true : options.enable ? false : undefined
      const body = {
        ...(await issuerBody(invocation, options)),
        ...given({ name: options.name, disabled }),
      }
      if (Object.keys(body).length === 0)
        throw usageFailure('nothing to change; see credence issuers update --help')
      const client = await invocation.client()
      report(invocation, await client.patch<IssuerResource>(pathOf('v1', 'issuers', ref), body), options)
    })
}

function addRevoke(issuers: CredenceCommand, wiring: Wiring): void {
  issuers
    .command('revoke <issuer>')
    .option('--jti <jti>', 'one token, by its jti')
    .option('--expires <moment>', 'when that token ends by itself, such as 1h; it is remembered until then')
    .option('--before <moment>', 'all tokens issued before this moment, RFC 3339; or now')
    .option('--principal <principal>', 'with --before: only those of this principal')
    .option('--reason <reason>', 'why, for those who look later')
    .description('take tokens back, for good; they are refused everywhere when this returns')
    .example(
      "credence issuers revoke sso --jti 8d4f0a --expires 1h --reason 'found in a log'",
      'credence issuers revoke sso --before now --principal billing',
    )
    .action(async (ref: string, options: RevokeOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      if ((options.jti === undefined) === (options.before === undefined))
        throw usageFailure('give --jti, or --before')
      const nowMs = invocation.terminal.clock()
      const body = given({
        jti: options.jti,
        expires_at: momentOf('--expires', options.expires, nowMs),
        before: momentOf('--before', options.before === 'now' ? '0s' : options.before, nowMs),
        principal: options.principal,
        reason: options.reason,
      })
      const path = pathOf('v1', 'issuers', ref, 'revoke')
      const revoked = await (await invocation.client()).post<TokensRevokedResource>(path, body)
      if (invocation.jsonAsked) invocation.printJson(revoked)
      const { nodes, confirmed, after_ms: afterMs } = revoked.propagation
      const whose = options.jti === undefined ? 'tokens' : 'token'
      invocation.done(
        `${whose} of ${revoked.issuer.name} revoked on ${confirmed} of ${nodes} nodes, after ${afterMs} ms`,
      )
    })
}

function withIssuerOptions(command: CredenceCommand): CredenceCommand {
  return command
    .option('--algorithm <names>', 'algorithms that count, such as RS256; repeatable', collect)
    .option('--jwks <path>', 'file with its JWK set; - reads standard input')
    .option('--jwks-uri <url>', 'where its JWK set is published')
    .option(
      '--discovery [url]',
      'take the keys from its discovery document; the one of the issuer, unless given',
    )
    .option(
      '--decryption <path>',
      'file with the private keys or secrets (a JWK set) that its encrypted tokens are decrypted by; - reads standard input',
    )
    .option(
      '--decryption-generate <alg>',
      'make such a key pair, for ECDH-ES+A256KW or another; its public half goes to standard output',
    )
    .option('--decryption-keep <kids>', 'kid of keys that stay beside those; repeatable', collect)
    .option(
      '--encryption <names>',
      'what its tokens may be encrypted with, such as A256GCM; repeatable',
      collect,
    )
    .option('--principal-claim <claim>', 'claim with the name or external id of the principal (default sub)')
    .option('--principal-prefix <text>', 'what stands before it in the name')
    .option('--scopes-claim <claim>', 'claim with the scopes (default scope)')
    .option('--scopes-prefix <text>', 'take only scopes that begin so, without it')
    .option('--scopes <scopes>', 'the scopes of every token, whatever it says; repeatable', collect)
    .option(
      '--require <claim=value>',
      'claim that must have this value, or one of several; repeatable',
      collect,
    )
    .option('--type <types>', 'what typ must say, such as at+jwt; repeatable', collect)
    .option('--clock-skew <duration>', 'how far its clock may be from ours, up to 5m (default 1m)')
    .option('--max-age <duration>', 'how long a token counts at most after it was issued')
    .option(
      '--limit <limit>',
      'limit on the tokens of each principal: 100/1m or 500/day; repeatable',
      collect,
    )
}

async function issuerBody(invocation: Invocation, options: IssuerOptions): Promise<object> {
  return given({
    issuer: options.issuer,
    audience: options.audience,
    algorithms: splitList(options.algorithm),
    jwks: options.jwks === undefined ? undefined : await readJwks(invocation, options.jwks),
    decryption: await decryptionOf(invocation, options),
    jwks_uri: options.jwksUri,
    discovery: options.discovery,
    claims: claimsOf(options),
    types: splitList(options.type),
    clock_skew_seconds: secondsOf('--clock-skew', options.clockSkew),
    max_age_seconds: secondsOf('--max-age', options.maxAge),
    limits: limitsOf(options),
  })
}

async function decryptionOf(
  invocation: Invocation,
  { decryption: path, decryptionGenerate: generate, decryptionKeep: keep, encryption, jwks }: IssuerOptions,
): Promise<object | null | undefined> {
  if (path === '-' && jwks === '-')
    throw usageFailure('--jwks and --decryption cannot both read standard input')
  const body = given({
    generate,
    jwks: path === undefined || path === false ? undefined : await readJwks(invocation, path),
    keep: splitList(keep),
    encryptions: splitList(encryption),
  })
  const isEmpty = Object.keys(body).length === 0
  if (path !== false) return isEmpty ? undefined : body
  if (!isEmpty) throw usageFailure('give --no-decryption or options about decryption, not both')
  return null
}

function claimsOf(options: IssuerOptions): object | undefined {
  if (options.scopes !== undefined && options.scopesClaim !== undefined)
    throw usageFailure('give --scopes or --scopes-claim, not both')
  const claims = given({
    principal: options.principalClaim,
    principal_prefix: options.principalPrefix,
    scopes: options.scopesClaim ?? splitList(options.scopes),
    scopes_prefix: options.scopesPrefix,
    required: requiredOf(options.require),
  })
  return Object.keys(claims).length === 0 ? undefined : claims
}

/** `--require ref=a --require ref=b` → one of them. */
function requiredOf(values: readonly string[] | undefined): Record<string, string[]> | undefined {
  if (values === undefined) return undefined
  const required = new Map<string, string[]>()
  for (const value of values) {
    const end = value.indexOf('=')
    if (end < 1) throw usageFailure(`--require takes claim=value, not ${JSON.stringify(value)}`)
    const claim = value.slice(0, end)
    required.set(claim, [...(required.get(claim) ?? []), value.slice(end + 1)])
  }
  return Object.fromEntries(required)
}

async function readJwks({ terminal }: Invocation, path: string): Promise<unknown> {
  const text = path === '-' ? await terminal.stdin.readAll() : await readText(path)
  try {
    return JSON.parse(text)
  } catch {
    // The text may hold a secret, so nothing of it is said.
    throw usageFailure(`${path === '-' ? 'standard input' : path} holds no JSON`)
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw usageFailure(`${path} cannot be read (${String((error as NodeJS.ErrnoException).code)})`)
  }
}

function secondsOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = parseDuration(text)
  if (seconds === null)
    throw usageFailure(`${flag} takes a duration such as 60s, not ${JSON.stringify(text)}`)
  return seconds
}

function momentOf(flag: string, text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined) return undefined
  const moment = text === '0s' ? new Date(nowMs).toISOString() : parseMoment(text, nowMs)
  if (moment === null) throw usageFailure(`${flag} takes a moment, not ${JSON.stringify(text)}`)
  return moment
}

function report(
  invocation: Invocation,
  issuer: IssuerResource,
  { decryptionGenerate }: Pick<IssuerOptions, 'decryptionGenerate'>,
): void {
  const { decryption } = issuer
  if (invocation.jsonAsked) invocation.printJson(issuer)
  // What was made stands first; the issuer is to use no other.
  else if (decryptionGenerate !== undefined && decryption)
    invocation.printJson({ keys: decryption.jwks.keys.slice(0, 1) })
  invocation.done(`issuer ${issuer.name} of ${issuer.api}: ${issuer.issuer}, for ${issuer.audience}`)
}
