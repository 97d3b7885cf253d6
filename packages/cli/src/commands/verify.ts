import type { Command } from 'commander'
import type { CredenceCommand } from '../credence-command.ts'
import { EXIT } from '../exit-code.ts'
import { usageFailure } from '../failure.ts'
import { inert } from '../inert.ts'
import type { Invocation } from '../invocation.ts'
import { secretFromFile, secretFromStdin } from '../key-source.ts'
import { collect, given, parseWhole, splitList } from '../list-flag.ts'
import type { VerdictResource } from '../resources.ts'
import type { Wiring } from '../wiring.ts'

interface VerifyOptions {
  readonly api: string
  readonly credentialFile: string
  readonly username?: string
  readonly scopes?: readonly string[]
  readonly method?: string
  readonly path?: string
  readonly ip?: string
  readonly cost?: string
}

export function addVerify(program: CredenceCommand, wiring: Wiring): void {
  program
    .command('verify')
    .requiredOption('--api <api>', 'the API that the credential was presented to')
    .option('--credential-file <path>', 'file that holds the credential; - is standard input', '-')
    .option(
      '--username <username>',
      'username or client id, where it was presented beside one by HTTP Basic over TLS',
    )
    .option('--scopes <scopes>', 'scopes that are needed beside those of the route; repeatable', collect)
    .option('--method <method>', 'method of the request; with --path, the routes of the API apply')
    .option('--path <path>', 'path of the request')
    .option('--ip <address>', 'address that the request came from')
    .option('--cost <n>', 'what it takes from the limits (default 1; 0 only looks)')
    .description('ask for the verdict on a credential; exit code 0: valid, 1: denied')
    .example(
      'credence verify --api orders --scopes orders:read < some.key',
      'credence verify --api orders --username nightly-export --credential-file password --ip 203.0.113.9',
      'credence verify --api orders --credential-file some.key --method POST --path /orders/7 --ip 203.0.113.9',
    )
    .action(async (options: VerifyOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const common = command.optsWithGlobals<{ key?: string }>()
      if (options.credentialFile === '-' && common.key === '-') {
        throw usageFailure(
          'the credential and the key cannot both come from standard input; use --credential-file',
        )
      }
      const client = await invocation.client()
      const body = await verifyBody(options, invocation)
      const verdict = await client.ask<VerdictResource>('/v1/verify', body)
      if (invocation.json) invocation.printJson(verdict)
      else printVerdict(invocation, verdict)
      if (!verdict.valid) wiring.exitWith(EXIT.refused)
    })
}

async function verifyBody(options: VerifyOptions, invocation: Invocation): Promise<Record<string, unknown>> {
  const { api, method, path, ip, cost, credentialFile } = options
  if ((method === undefined) !== (path === undefined)) throw usageFailure('--method and --path go together')
  const secret =
    credentialFile === '-'
      ? await secretFromStdin(invocation.terminal, 'credential: ')
      : await secretFromFile(credentialFile)
  const { credential, ...presented } = presentedAs(options.username, secret)
  const request = given({ method: method?.toUpperCase(), path, ip, ...presented })
  return given({
    credential,
    api,
    scopes: splitList(options.scopes),
    request: Object.keys(request).length === 0 ? undefined : request,
    cost: cost === undefined ? undefined : parseWhole('--cost', cost, 0),
  })
}

/** By itself, or as whoever has a username would send it. */
function presentedAs(username: string | undefined, secret: string) {
  if (username === undefined) return { credential: secret }
  const token = Buffer.from(`${username}:${secret}`).toString('base64')
  return { headers: { Authorization: `Basic ${token}` }, secure: true }
}

function printVerdict(invocation: Invocation, verdict: VerdictResource): void {
  const { paint } = invocation
  const word = verdict.valid ? paint.good('ALLOW') : `${paint.bad('DENY')} ${inert(verdict.code)}`
  const parts = [word]
  if (verdict.credential !== null) parts.push(inert(`credential ${verdict.credential.id}`))
  if (verdict.principal !== null) parts.push(inert(verdict.principal.name))
  invocation.print(`${parts.join('  ')}\n`)
  if (verdict.detail !== null && verdict.detail !== undefined)
    invocation.print(`  ${inert(verdict.detail)}\n`)
  if (verdict.scopes.length > 0) invocation.print(`  scopes ${inert(verdict.scopes.join(' '))}\n`)
  for (const { name, limit, remaining } of verdict.limits) {
    invocation.print(`  limit ${inert(name)}: ${remaining} of ${limit} left\n`)
  }
  if (verdict.retry_after_seconds !== null)
    invocation.print(`  try again in ${verdict.retry_after_seconds} s\n`)
  invocation.print(`  request ${inert(verdict.request_id)}\n`)
}
