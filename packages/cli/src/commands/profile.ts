import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { CredenceCommand } from '../credence-command.ts'
import { usageFailure } from '../failure.ts'
import type { CommonOptions } from '../invocation.ts'
import { DEFAULT_URL, parseUrl, secretFromStdin } from '../key-source.ts'
import { type Profile, type Profiles, profilesPath, readProfiles, writeProfiles } from '../profile.ts'
import type { Wiring } from '../wiring.ts'

export function addProfile(program: CredenceCommand, wiring: Wiring): void {
  const profile = program.command('profile').description('servers to talk to, each with its key, by name')
  addSet(profile, wiring)
  addList(profile, wiring)

  profile
    .command('use <name>')
    .description('take this profile wherever none is named')
    .example('credence profile use production')
    .action(async (name: string, _options: object, command: Command) => {
      const path = profilesPath(wiring.terminal.env)
      const profiles = await readProfiles(path)
      requireProfile(profiles, name)
      await writeProfiles(path, { ...profiles, current: name })
      wiring.invocationOf(command).done(`profile ${name} is used from now on`)
    })

  profile
    .command('remove <name>')
    .description('forget a profile and the key in it')
    .example('credence profile remove staging')
    .action(async (name: string, _options: object, command: Command) => {
      const path = profilesPath(wiring.terminal.env)
      const profiles = await readProfiles(path)
      requireProfile(profiles, name)
      const byName = new Map(profiles.byName)
      byName.delete(name)
      await writeProfiles(path, { current: profiles.current === name ? null : profiles.current, byName })
      wiring.invocationOf(command).done(`profile ${name} removed`)
    })
}

function addSet(profile: CredenceCommand, wiring: Wiring): void {
  profile
    .command('set <name>')
    .description('make or replace a profile from --url and --key-file, or --key - to keep the key in it')
    .example(
      'credence profile set production --url https://credence.example --key-file ~/.keys/credence',
      'credence profile set staging --url https://staging.example --key - < staging.key',
    )
    .action(async (name: string, _options: object, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>()
      const path = profilesPath(wiring.terminal.env)
      const profiles = await readProfiles(path)
      const made = await profileOf(options, wiring)
      const byName = new Map(profiles.byName).set(name, made)
      await writeProfiles(path, { current: profiles.current ?? name, byName })
      wiring.invocationOf(command).done(`profile ${name} for ${made.url}, kept in ${path}`)
    })
}

function addList(profile: CredenceCommand, wiring: Wiring): void {
  profile
    .command('list')
    .description('list the profiles; never their keys')
    .example('credence profile list')
    .action(async (_options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const profiles = await readProfiles(profilesPath(wiring.terminal.env))
      const rows = [...profiles.byName].map(([name, { url, keyFile, key }]) => ({
        name,
        url,
        key_file: keyFile,
        key_kept: key !== null,
        current: name === profiles.current,
      }))
      if (invocation.json) invocation.printJson(rows)
      else if (rows.length === 0) invocation.note('none; see credence profile set --help')
      else {
        invocation.printTable(
          [
            { title: 'NAME', value: (row) => row.name },
            { title: 'URL', value: (row) => row.url },
            {
              title: 'KEY',
              value: (row) => row.key_file ?? (row.key_kept ? 'kept in the profile' : '-'),
              flexible: true,
            },
            { title: 'USED', value: (row) => (row.current ? 'yes' : '') },
          ],
          rows,
        )
      }
    })
}

async function profileOf(options: CommonOptions, wiring: Wiring): Promise<Profile> {
  const url = parseUrl(options.url ?? DEFAULT_URL).href.replace(/\/$/, '')
  if (options.key !== undefined && options.keyFile !== undefined) {
    throw usageFailure('--key and --key-file exclude each other')
  }
  if (options.key !== undefined && options.key !== '-') {
    throw usageFailure('a profile takes its key from standard input (--key -) or from a file (--key-file)')
  }
  const key = options.key === '-' ? await secretFromStdin(wiring.terminal, 'key: ') : null
  // Profiles are used from any folder, so the path must not depend on this one.
  return { url, keyFile: options.keyFile === undefined ? null : resolve(options.keyFile), key }
}

function requireProfile(profiles: Profiles, name: string): void {
  if (!profiles.byName.has(name)) throw usageFailure(`there is no profile ${name}; see credence profile list`)
}
