import type { Command } from 'commander'
import type { Client, Query } from '../client.ts'
import type { CredenceCommand } from '../credence-command.ts'
import { jsonText } from '../inert.ts'
import type { Invocation } from '../invocation.ts'
import { boundOf, showList } from '../list-options.ts'
import { ago, localTime } from '../moment.ts'
import { readPages } from '../pages.ts'
import { type DecisionResource, referenceId, referenceName } from '../resources.ts'
import { type Column, renderTable } from '../table.ts'
import type { Wiring } from '../wiring.ts'

interface DecisionOptions {
  readonly limit?: string
  readonly follow?: boolean
  readonly code?: string
  readonly credential?: string
  readonly api?: string
}

const DECISIONS = '/v1/decisions'
const POLL_MS = 1000
/** The server keeps the last 10,000 decisions: there are no more to remember. */
const SEEN_MAX = 10_000
const FIRST_SHOWN = 10
/** The most that the server shows of them. */
const PAGE = 100

export function addDecisions(program: CredenceCommand, wiring: Wiring): void {
  program
    .command('decisions')
    .option('--limit <n>', 'show at most so many, 100 at the utmost (default 50)')
    .option('--follow', 'go on showing new ones until interrupted')
    .option('--code <code>', 'only this verdict, such as INSUFFICIENT_SCOPE')
    .option('--credential <id>', 'only those on this credential')
    .option('--api <api>', 'only those at this API')
    .description('list the latest decisions, newest first; credence why explains one')
    .example('credence decisions --code INSUFFICIENT_SCOPE', 'credence decisions --api orders --follow')
    .action(async (options: DecisionOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const query = { code: options.code, credential: options.credential, api: options.api }
      const columns = decisionColumns((at) => ago(at, invocation.terminal.clock()))
      if (options.follow === true) await follow(invocation, query, options)
      else await showList(invocation, DECISIONS, query, options, columns)
    })
}

function decisionColumns(time: (at: string) => string): readonly Column<DecisionResource>[] {
  return [
    { title: 'AT', value: (decision) => time(decision.at) },
    { title: 'CODE', value: (decision) => decision.code },
    { title: 'API', value: (decision) => referenceName(decision.api) ?? '-' },
    {
      title: 'REQUEST',
      value: (d) => [d.method, d.path].filter((part) => part !== null).join(' ') || '-',
      flexible: true,
    },
    { title: 'CREDENTIAL', value: (decision) => referenceId(decision.credential) ?? '-' },
    { title: 'REQUEST ID', value: (decision) => decision.request_id },
  ]
}

/** Asks again and again for what is new, and prints it oldest first, as it happened. */
async function follow(invocation: Invocation, query: Query, options: DecisionOptions): Promise<void> {
  const client = await invocation.client()
  const seen = new Set<string>()
  const bound = options.limit === undefined ? FIRST_SHOWN : boundOf(options)
  let news = (await readPages<DecisionResource>(client, DECISIONS, query, bound)).items
  while (!invocation.terminal.interrupted()) {
    for (const decision of news.toReversed()) printFollowed(invocation, decision)
    remember(seen, news)
    await invocation.terminal.sleep(POLL_MS)
    if (invocation.terminal.interrupted()) return
    news = await unseen(invocation, client, query, seen)
  }
}

/** What is newer than all that was shown. The server answers with its newest page alone: beyond it there is a gap. */
async function unseen(invocation: Invocation, client: Client, query: Query, seen: ReadonlySet<string>) {
  const { items } = await readPages<DecisionResource>(client, DECISIONS, query, PAGE)
  const known = items.findIndex((decision) => seen.has(decision.request_id))
  if (known !== -1) return items.slice(0, known)
  if (seen.size > 0 && items.length >= PAGE)
    invocation.warn('more came in at once than can be shown; some are left out')
  return items
}

function remember(seen: Set<string>, decisions: readonly DecisionResource[]): void {
  for (const { request_id } of decisions.toReversed()) seen.add(request_id)
  // A Set keeps the order of insertion: the oldest go first.
  for (const oldest of seen) {
    if (seen.size <= SEEN_MAX) break
    seen.delete(oldest)
  }
}

function printFollowed(invocation: Invocation, decision: DecisionResource): void {
  if (invocation.json) {
    invocation.print(`${jsonText(decision, 0)}\n`)
    return
  }
  const columns = decisionColumns((at) => localTime(at, invocation.terminal.clock()))
  const [, line] = renderTable(columns, [decision], Number.POSITIVE_INFINITY).split('\n')
  invocation.print(`${line}\n`)
}
