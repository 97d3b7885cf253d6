import type { Command } from 'commander'
import type { CredenceCommand } from '../credence-command.ts'
import { formatDuration, parseDuration } from '../duration.ts'
import { EXIT } from '../exit-code.ts'
import { Failure, usageFailure } from '../failure.ts'
import { inert } from '../inert.ts'
import { collect, given, splitList } from '../list-flag.ts'
import type { Wiring } from '../wiring.ts'

interface TokenOptions {
  readonly api: string
  readonly scopes?: readonly string[]
  readonly expiresIn?: string
  readonly format?: string
  readonly idempotencyKey?: string
}

interface TokenResource {
  readonly access_token: string | null
  readonly expires_in: number
  readonly scope?: string
  readonly id: string
}

/** For whoever has a credential: it needs no right of administration to get a narrower one for it. */
export function addTokens(program: CredenceCommand, wiring: Wiring): void {
  const tokens = program
    .command('tokens')
    .description('access tokens: narrower and shorter than the credential that is presented')

  tokens
    .command('issue')
    .requiredOption('--api <api>', 'the API that it is for, by name or id')
    .option(
      '--scopes <scopes>',
      'what it may do; all that the credential may, unless given; repeatable',
      collect,
    )
    .option('--expires-in <duration>', 'how long it lives, such as 15m (the default); at most 24h')
    .option('--format <format>', 'opaque (the default), or jwt for upstreams that check tokens themselves')
    .option('--idempotency-key <key>', 'the same key again makes no second token')
    .description('get an access token; the token, and nothing else, goes to standard output')
    .example(
      'TOKEN=$(credence tokens issue --api orders --scopes orders:read --expires-in 15m --key-file my.key)',
      'credence tokens issue --api orders --format jwt --key-file my.key',
    )
    .action(async (options: TokenOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const { api, scopes, expiresIn, format, idempotencyKey } = options
      const body = given({ api, scopes: splitList(scopes), expires_in: lifeSeconds(expiresIn), format })
      const client = await invocation.client()
      const token = await client.post<TokenResource>('/v1/tokens', body, idempotencyKey)
      if (invocation.jsonAsked) {
        invocation.printJson(token)
        return
      }
      if (token.access_token === null) {
        throw new Failure(
          EXIT.conflict,
          `token ${token.id} exists, but it was given out with an earlier answer to this request`,
          'for another one, ask with another --idempotency-key, or with none',
        )
      }
      const may = token.scope ?? 'no scopes'
      invocation.done(`token ${token.id} for ${api}: ${may}, ends in ${formatDuration(token.expires_in)}`)
      invocation.print(`${inert(token.access_token)}\n`)
    })
}

function lifeSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = parseDuration(text)
  if (seconds === null || seconds < 1) throw usageFailure('--expires-in is a duration such as 15m or 1h')
  return seconds
}
