import type { Command } from 'commander'
import type { CredenceCommand } from '../credence-command.ts'
import { usageFailure } from '../failure.ts'
import type { Wiring } from '../wiring.ts'
import { envWith, type StartOptions, withHostOptions } from './host.ts'

/** Commands that keep the embedded store safe; like the other host commands, they run where its files are. */
export function addKeep(program: CredenceCommand, wiring: Wiring): void {
  const { terminal } = wiring
  withHostOptions(program.command('backup'))
    .requiredOption('--to <file>', 'a path that is free; usage goes beside it, to <file>.usage')
    .description('copy the embedded store, also while the server runs; the keyring is not in the copy')
    .example('credence backup --to /backups/credence-2026-11-25.db')
    .action(async (options: StartOptions & { to: string }, command: Command) => {
      const server = await terminal.loadServer()
      const json = wiring.invocationOf(command).jsonAsked
      const env = envWith(terminal.env, options)
      wiring.exitWith((await server.backUpFromEnvironment(env, { to: options.to, json }, terminal)) ?? 0)
    })

  withHostOptions(program.command('restore'))
    .requiredOption('--from <file>', 'a backup; its usage is taken from <file>.usage, if that is there')
    .option(
      '--accept-unknown-revocations',
      'go on where nobody can tell what was revoked after the backup: that works again',
    )
    .description('put a backup in the place of the embedded store, and revoke again what was revoked since')
    .example('credence restore --from /backups/credence-2026-11-25.db')
    .action(async (options: RestoreOptions, command: Command) => {
      const server = await terminal.loadServer()
      const json = wiring.invocationOf(command).jsonAsked
      const acceptUnknown = options.acceptUnknownRevocations === true
      const how = { from: options.from, acceptUnknown, json }
      wiring.exitWith(
        (await server.restoreFromEnvironment(envWith(terminal.env, options), how, terminal)) ?? 0,
      )
    })

  const store = program.command('store').description('the store as a whole')
  withHostOptions(store.command('copy'))
    .option('--to <url>', 'where to: a postgres:// URL, or sqlite:FOLDER (CREDENCE_COPY_TO)')
    .option(
      '--to-file <file>',
      'a file that holds the URL, so that its password is in no history (CREDENCE_COPY_TO_FILE)',
    )
    .description(
      'copy everything into another store and compare both; run again, it goes on where it was stopped',
    )
    .example(
      'credence store copy --to-file /run/secrets/postgres-url',
      'credence store copy --to sqlite:./new-data',
    )
    .action(async (options: CopyOptions, command: Command) => {
      if (options.to !== undefined && options.toFile !== undefined)
        throw usageFailure('--to stands beside --to-file; give one of the two')
      const server = await terminal.loadServer()
      const json = wiring.invocationOf(command).jsonAsked
      const how = { to: options.to ?? null, toFile: options.toFile ?? null, json }
      wiring.exitWith(
        (await server.copyStoreFromEnvironment(envWith(terminal.env, options), how, terminal)) ?? 0,
      )
    })
}

interface CopyOptions extends StartOptions {
  readonly to?: string
  readonly toFile?: string
}

interface RestoreOptions extends StartOptions {
  readonly from: string
  readonly acceptUnknownRevocations?: boolean
}
