import type { Command } from 'commander'
import type { CredenceCommand } from '../credence-command.ts'
import { formatMilliseconds } from '../duration.ts'
import { localTime } from '../moment.ts'
import type { PropagationResource } from '../resources.ts'
import type { Column } from '../table.ts'
import type { Wiring } from '../wiring.ts'

interface SigningKeyResource {
  readonly kid: string
  readonly algorithm: string
  readonly state: 'next' | 'current' | 'retired' | 'revoked'
  readonly published_at: string
  readonly since: string
  readonly signs_from: string | null
  readonly trusted_until: string | null
}

interface KeysResource {
  readonly keys: readonly SigningKeyResource[]
}

export function addSigningKeys(program: CredenceCommand, wiring: Wiring): void {
  const keys = program
    .command('signing-keys')
    .description('the keys that access tokens and identity tokens are signed with')

  keys
    .command('list')
    .description('list the signing keys, newest first; only with a key of the workspace default')
    .example('credence signing-keys list')
    .action(async (_options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const found = await (await invocation.client()).get<KeysResource>('/v1/signing-keys')
      if (invocation.json) invocation.printJson(found)
      else invocation.printTable(columnsAt(invocation.terminal.clock()), found.keys)
    })

  keys
    .command('rotate')
    .option('--now', 'after a compromise: at once, and what the old key signed counts no more')
    .description('have the next key sign, once everybody can know it')
    .example('credence signing-keys rotate', 'credence signing-keys rotate --now')
    .action(async (options: { now?: boolean }, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const body = options.now === true ? { now: true } : {}
      const client = await invocation.client()
      const rotated = await client.post<KeysResource & { propagation: PropagationResource }>(
        '/v1/signing-keys/rotate',
        body,
      )
      if (invocation.jsonAsked) invocation.printJson(rotated)
      const current = rotated.keys.find(({ state }) => state === 'current')
      const { nodes, confirmed, after_ms } = rotated.propagation
      const where = `on ${confirmed} of ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`
      const before = options.now === true ? '; what the old key signed is refused' : ''
      invocation.done(`key ${current?.kid} signs ${where}, after ${formatMilliseconds(after_ms)}${before}`)
    })
}

function columnsAt(nowMs: number): readonly Column<SigningKeyResource>[] {
  return [
    { title: 'KID', value: (key) => key.kid },
    { title: 'ALGORITHM', value: (key) => key.algorithm },
    { title: 'STATE', value: (key) => key.state },
    { title: 'SINCE', value: (key) => localTime(key.since, nowMs) },
    {
      title: 'THEN',
      value: ({ signs_from: from, trusted_until: until }) => {
        if (from !== null) return `signs from ${localTime(from, nowMs)}`
        return until === null ? '' : `gone ${localTime(until, nowMs)}`
      },
    },
  ]
}
