import { addApis } from './commands/apis.ts'
import { addAudit } from './commands/audit.ts'
import { addCompletion } from './commands/completion.ts'
import { addCredentials } from './commands/credentials.ts'
import { addDecisions } from './commands/decisions.ts'
import { addHost } from './commands/host.ts'
import { addIssuers } from './commands/issuers.ts'
import { addKeep } from './commands/keep.ts'
import { addKeys } from './commands/keys.ts'
import { addPrincipals } from './commands/principals.ts'
import { addProfile } from './commands/profile.ts'
import { addRoles } from './commands/roles.ts'
import { addSelf } from './commands/self.ts'
import { addSigningKeys } from './commands/signing-keys.ts'
import { addStatus } from './commands/status.ts'
import { addTokens } from './commands/tokens.ts'
import { addVerify } from './commands/verify.ts'
import { addWhy } from './commands/why.ts'
import { addWorkspaces } from './commands/workspaces.ts'
import { CredenceCommand } from './credence-command.ts'
import { EXIT_MEANINGS } from './exit-code.ts'
import { inert, withoutSecrets } from './inert.ts'
import { paintFor } from './paint.ts'
import type { Terminal } from './terminal.ts'
import { makeWiring } from './wiring.ts'

/** The whole command tree. `exitWith` is told of an exit code other than 0 that is no failure, such as a denial. */
export function makeProgram(terminal: Terminal, exitWith: (code: number) => void): CredenceCommand {
  const program = new CredenceCommand('credence')
  program
    .description('One authority for the credentials of your APIs: start it, administer it, ask it.')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      getOutHelpWidth: () => helpWidth(terminal.stdout.isTty, terminal.stdout.columns),
      getErrHelpWidth: () => helpWidth(terminal.stderr.isTty, terminal.stderr.columns),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => write(complaint(text, terminal)),
    })
    .showSuggestionAfterError()
  addCommonOptions(program)
  const wiring = makeWiring(terminal, exitWith)
  addHost(program, wiring)
  addKeep(program, wiring)
  addApis(program, wiring)
  addPrincipals(program, wiring)
  addRoles(program, wiring)
  addKeys(program, wiring)
  addCredentials(program, wiring)
  addTokens(program, wiring)
  addIssuers(program, wiring)
  addSigningKeys(program, wiring)
  addWorkspaces(program, wiring)
  addVerify(program, wiring)
  addWhy(program, wiring)
  addDecisions(program, wiring)
  addAudit(program, wiring)
  addStatus(program, wiring)
  addSelf(program, wiring)
  addProfile(program, wiring)
  addCompletion(program, wiring)
  program.addHelpText('after', `\n${environmentText()}\n\n${exitCodesText()}`)
  return program
}

function addCommonOptions(program: CredenceCommand): void {
  program
    .option('--url <url>', 'the server (CREDENCE_URL; default http://127.0.0.1:6749)')
    .option('--key-file <path>', 'file that holds the key to present (CREDENCE_KEY_FILE)')
    .option('--key <key>', 'the key to present; - reads it from standard input (CREDENCE_KEY)')
    .option('--profile <name>', 'profile to take server and key from (CREDENCE_PROFILE)')
    .option('--json', 'print JSON; the default for what is shown or listed where the output is no terminal')
    .option('--no-json', 'print tables also where the output is no terminal')
}

/** commander's own complaint about a command line, which repeats what was typed: it might be a secret. */
function complaint(text: string, terminal: Terminal): string {
  const mark = paintFor(terminal.stderr, terminal.env).bad('✗')
  const lines = text
    .replace(/^error: /, '')
    .trimEnd()
    .split('\n')
  return `${lines.map((line, i) => `${i === 0 ? mark : ' '} ${inert(withoutSecrets(line))}`).join('\n')}\n`
}

function helpWidth(isTty: boolean, columns: number): number {
  return isTty ? columns : 100
}

function environmentText(): string {
  return [
    'Which key is presented, the first that is there:',
    '  --key-file or --key, CREDENCE_KEY or CREDENCE_KEY_FILE, the profile, and for a server',
    '  on this machine the admin key in the data folder (CREDENCE_DATA, default ./data).',
    'NO_COLOR turns colours off. credence --version prints the version.',
  ].join('\n')
}

function exitCodesText(): string {
  return [
    'Exit codes:',
    ...EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padStart(2)}  ${meaning}`),
  ].join('\n')
}
