import type { CredenceCommand } from '../credence-command.ts'
import type { Wiring } from '../wiring.ts'

export interface StartOptions {
  readonly data?: string
  readonly listen?: string
  readonly gatewayListen?: string
  readonly config?: string
}

/** Options of the commands that run on the host, and the setting that each stands for. */
const SETTINGS = {
  data: 'CREDENCE_DATA',
  listen: 'CREDENCE_LISTEN',
  gatewayListen: 'CREDENCE_GATEWAY_LISTEN',
  config: 'CREDENCE_CONFIG',
} as const satisfies Record<keyof StartOptions, string>

/** Commands that run on the server's own host, with its files: the only ones that load the server's code. */
export function addHost(program: CredenceCommand, wiring: Wiring): void {
  const { terminal } = wiring
  withHostOptions(program.command('start'))
    .option('--listen <host:port>', 'where administration, verify and forward-auth listen (CREDENCE_LISTEN)')
    .option('--gateway-listen <host:port>', 'where the gateway listens, or off (CREDENCE_GATEWAY_LISTEN)')
    .description('start the server; it runs until it is told to stop')
    .example('credence start', 'credence start --data /var/lib/credence --gateway-listen off')
    .action(async (options: StartOptions) => {
      const server = await terminal.loadServer()
      wiring.exitWith((await server.run(envWith(terminal.env, options), terminal)) ?? 0)
    })

  withHostOptions(program.command('migrate'))
    .option('--plan', 'only say what would be done')
    .description("bring the database's schema up to date, on the host")
    .example('credence migrate --plan', 'CREDENCE_DATABASE_URL_FILE=/run/secrets/db credence migrate')
    .action(async (options: StartOptions & { plan?: boolean }) => {
      const server = await terminal.loadServer()
      const env = envWith(terminal.env, options)
      const code = await server.migrateFromEnvironment(env, { plan: options.plan === true }, terminal)
      wiring.exitWith(code ?? 0)
    })

  const admin = program.command('admin').description('what only the owner of the host can do')
  withHostOptions(admin.command('recover'))
    .description("make a new admin key and write it to the data folder; works on the server's host only")
    .example('credence admin recover')
    .action(async (options: StartOptions) => {
      const server = await terminal.loadServer()
      wiring.exitWith((await server.recoverAdmin(envWith(terminal.env, options), terminal)) ?? 0)
    })

  const keyring = program.command('keyring').description("the server's own master keys, on the host")
  withHostOptions(keyring.command('create'))
    .description(
      'make the keyring, and print its fingerprint; all nodes of one database are given the same file',
    )
    .example('credence keyring create', 'CREDENCE_KEYRING=/etc/credence/keyring.json credence keyring create')
    .action(async (options: StartOptions) => {
      const server = await terminal.loadServer()
      wiring.exitWith((await server.makeKeyring(envWith(terminal.env, options), terminal)) ?? 0)
    })
}

export function withHostOptions(command: CredenceCommand): CredenceCommand {
  return command
    .option('--data <folder>', 'the data folder (CREDENCE_DATA; default ./data)')
    .option('--config <file>', 'file of settings (CREDENCE_CONFIG)')
}

/** The environment with the settings that the command line gives: they win. */
export function envWith(
  env: Wiring['terminal']['env'],
  options: StartOptions,
): Record<string, string | undefined> {
  const settings: Record<string, string | undefined> = { ...env }
  for (const [option, setting] of Object.entries(SETTINGS) as [keyof StartOptions, string][]) {
    if (options[option] !== undefined) settings[setting] = options[option]
  }
  return settings
}
