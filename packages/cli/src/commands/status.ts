import type { Command } from 'commander'
import type { CredenceCommand } from '../credence-command.ts'
import { formatDuration, formatMilliseconds } from '../duration.ts'
import type { Invocation } from '../invocation.ts'
import type { ProcessResource, StatusResource } from '../resources.ts'
import type { Column } from '../table.ts'
import type { Wiring } from '../wiring.ts'

const COLUMNS: readonly Column<ProcessResource>[] = [
  { title: 'NODE', value: (process) => process.node },
  { title: 'WORKER', value: (process) => (process.worker === null ? '-' : String(process.worker)) },
  { title: 'RELEASE', value: (process) => process.version },
  { title: 'POSITION', value: (process) => String(process.position) },
  { title: 'FEED', value: (process) => lagText(process.feed_lag_ms) },
  { title: 'LEADER', value: (process) => (process.leader ? 'yes' : '') },
]

export function addStatus(program: CredenceCommand, wiring: Wiring): void {
  program
    .command('status')
    .description('show how the server is: release, store, nodes and how closely they follow the feed')
    .example('credence status', 'credence status --json --url https://credence.example --profile production')
    .action(async (_options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const status = await (await invocation.client()).get<StatusResource>('/v1/status')
      if (invocation.json) invocation.printJson(status)
      else showStatus(invocation, status)
    })
}

function showStatus(invocation: Invocation, status: StatusResource): void {
  const { feed, usage, limits } = status
  invocation.printFacts([
    ['release', status.version],
    ['node', status.node],
    ...(status.workers > 1 ? [workersFact(status)] : []),
    ['ready', status.ready ? 'yes' : 'no'],
    ['store', `${status.store.name}, schema ${status.store.schema}`],
    [
      'feed',
      `position ${feed.position}, ${lagText(feed.lag_ms)} (bound ${formatMilliseconds(feed.bound_ms)})`,
    ],
    ['usage', `${usage.queued} queued, ${usage.dropped} dropped`],
    ['limits', limitsText(limits)],
    ['uptime', formatDuration(status.uptime_seconds)],
    ['APIs', String(status.counts.apis)],
    ...status.listeners.map(({ name, host, port }) => [`${name} listener`, `${host}:${port}`] as const),
  ])
  invocation.printTable(COLUMNS, status.processes)
}

function limitsText({ counted_by, degraded, decided_alone }: StatusResource['limits']): string {
  const by = `counted by ${counted_by}`
  return degraded ? `${by}: lost, ${decided_alone} requests decided alone` : by
}

function workersFact({ workers, workers_answering }: StatusResource): readonly [string, string] {
  return ['workers', `${workers_answering} of ${workers} answer`]
}

function lagText(lagMs: number | null): string {
  return lagMs === null ? 'not confirmed yet' : `confirmed ${formatMilliseconds(lagMs)} ago`
}
