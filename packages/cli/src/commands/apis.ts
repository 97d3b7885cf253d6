import type { Command } from 'commander'
import { pathOf } from '../client.ts'
import type { CredenceCommand } from '../credence-command.ts'
import { formatDuration, parseDuration } from '../duration.ts'
import { usageFailure } from '../failure.ts'
import type { Invocation } from '../invocation.ts'
import { describeLimit, limitsOf } from '../limit-flag.ts'
import { collect, given, parseMetadata, splitList } from '../list-flag.ts'
import { type ListOptions, showList, withListOptions } from '../list-options.ts'
import type { ApiResource, RouteResource } from '../resources.ts'
import { describeRoute, parseRoute, parseRouteName } from '../route-flag.ts'
import type { Column } from '../table.ts'
import type { Wiring } from '../wiring.ts'

interface ApiOptions {
  readonly audience?: string
  readonly upstream?: string
  readonly host?: string
  readonly basePath?: string
  readonly stripBasePath?: boolean
  readonly route?: readonly string[]
  readonly scope?: readonly string[]
  readonly accepts?: readonly string[]
  readonly corsOrigin?: readonly string[]
  readonly requiresTls?: boolean
  readonly requiresBinding?: boolean
  readonly limit?: readonly string[]
  readonly outageGrace?: string
  readonly exactLimits?: boolean
  readonly identityToken?: boolean
  readonly metadata?: readonly string[]
}

interface ApiUpdateOptions extends ApiOptions {
  readonly addRoute?: readonly string[]
  readonly removeRoute?: readonly string[]
  readonly addScope?: readonly string[]
  readonly removeScope?: readonly string[]
}

const COLUMNS: readonly Column<ApiResource>[] = [
  { title: 'NAME', value: (api) => api.name },
  { title: 'ID', value: (api) => api.id },
  { title: 'AUDIENCE', value: (api) => api.audience, flexible: true },
  { title: 'ROUTES', value: (api) => String(api.routes.length) },
  { title: 'SCOPES', value: (api) => api.scopes.join(' ') || '-', flexible: true },
  { title: 'UPSTREAM', value: (api) => api.upstream ?? '-', flexible: true },
]

export function addApis(program: CredenceCommand, wiring: Wiring): void {
  const apis = program.command('apis').description('the APIs that are protected: scopes, routes, upstream')

  withApiOptions(apis.command('create <name>'))
    .requiredOption('--audience <uri>', "the API's identifier, a URI such as https://orders.example")
    .description('protect an API')
    .example(
      "credence apis create orders --audience https://orders.example --upstream http://127.0.0.1:9000 --route 'GET /healthz=public' --route 'GET /orders/*=orders:read' --route 'POST /orders/*=orders:write'",
      'credence apis create reports --audience https://reports.example --scope reports:read --limit 1000/1m --cors-origin https://app.example',
    )
    .action(async (name: string, options: ApiOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const client = await invocation.client()
      reportApi(invocation, await client.post<ApiResource>('/v1/apis', { name, ...apiBody(options) }))
    })

  withListOptions(apis.command('list'))
    .description('list the APIs')
    .example('credence apis list')
    .action(async (options: ListOptions, command: Command) => {
      await showList(wiring.invocationOf(command), '/v1/apis', {}, options, COLUMNS)
    })

  apis
    .command('show <api>')
    .description('show an API, by name or id')
    .example('credence apis show orders', 'credence apis show orders --json')
    .action(async (ref: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      showApi(invocation, await (await invocation.client()).get<ApiResource>(pathOf('v1', 'apis', ref)))
    })

  withApiOptions(apis.command('update <api>'))
    .option('--audience <uri>', "the API's identifier")
    .option('--no-strip-base-path', 'forward the base path again')
    .option('--no-requires-tls', 'no longer demand TLS')
    .option('--no-requires-binding', 'no longer demand credentials that are bound to a key')
    .option('--no-exact-limits', 'let nodes hold a few units of a limit in advance again')
    .option('--no-identity-token', 'tell the upstream by plain headers again')
    .option(
      '--add-route <route>',
      'add a route, or replace the one of this method and path; repeatable',
      collect,
    )
    .option('--remove-route <method-path>', "remove a route, such as 'GET /orders/*'; repeatable", collect)
    .option('--add-scope <scopes>', 'add scopes; repeatable', collect)
    .option('--remove-scope <scopes>', 'remove scopes; repeatable', collect)
    .description(
      'change an API; --route, --scope, --accepts, --cors-origin and --limit replace what was there',
    )
    .example(
      "credence apis update orders --add-route 'DELETE /orders/*=orders:write' --remove-route 'GET /healthz'",
      'credence apis update orders --upstream http://127.0.0.1:9001',
    )
    .action(async (ref: string, options: ApiUpdateOptions, command: Command) => {
      const invocation = wiring.invocationOf(command)
      const client = await invocation.client()
      const path = pathOf('v1', 'apis', ref)
      const current = changesLists(options) ? await client.get<ApiResource>(path) : null
      const body = { ...apiBody(options), ...(current === null ? {} : changedLists(current, options)) }
      if (Object.keys(body).length === 0)
        throw usageFailure('nothing to change; see credence apis update --help')
      reportApi(invocation, await client.patch<ApiResource>(path, body, current?.revision))
    })

  apis
    .command('delete <api>')
    .description('delete an API, by name or id')
    .example('credence apis delete orders')
    .action(async (ref: string, _options: object, command: Command) => {
      const invocation = wiring.invocationOf(command)
      await (await invocation.client()).delete(pathOf('v1', 'apis', ref))
      invocation.done(`API ${ref} deleted`)
    })
}

function withApiOptions(command: CredenceCommand): CredenceCommand {
  return command
    .option('--upstream <url>', 'where the gateway forwards to')
    .option('--host <host>', 'host name that the gateway mounts it at; any, unless given')
    .option('--base-path <path>', 'path that the gateway mounts it at (default /)')
    .option('--strip-base-path', 'forward without the base path')
    .option(
      '--route <route>',
      "'METHOD /path=scopes', 'METHOD /path=public', or 'METHOD /path' for any credential of the API; repeatable",
      collect,
    )
    .option('--scope <scopes>', 'scopes of the API; those its routes name, unless given; repeatable', collect)
    .option('--accepts <kinds>', 'kinds of credential it accepts; repeatable', collect)
    .option('--cors-origin <origin>', 'origin whose CORS preflights pass; repeatable', collect)
    .option('--requires-tls', 'refuse requests that did not come over TLS')
    .option('--requires-binding', 'refuse credentials that are bound to no key')
    .option(
      '--limit <limit>',
      'limit on all of its requests: 100/1m, 10000/month or 500; repeatable',
      collect,
    )
    .option(
      '--outage-grace <duration>',
      'while the store is gone: how long known callers are still served (default 0s)',
    )
    .option('--exact-limits', 'over several nodes, ask at each request whoever counts for all of them')
    .option('--identity-token', 'tell the upstream who is calling by a JWT, instead of by plain headers')
    .option('--metadata <name=value>', 'kept with it and never interpreted; repeatable', collect)
}

function apiBody(options: ApiOptions): Record<string, unknown> {
  return given({
    audience: options.audience,
    upstream: options.upstream,
    host: options.host,
    base_path: options.basePath,
    strip_base_path: options.stripBasePath,
    routes: options.route?.map(parseRoute),
    scopes: splitList(options.scope),
    accepts: splitList(options.accepts),
    cors: options.corsOrigin === undefined ? undefined : { origins: splitList(options.corsOrigin) },
    requires_tls: options.requiresTls,
    requires_binding: options.requiresBinding,
    limits: limitsOf({ limit: options.limit ?? [] }),
    outage_grace_seconds: graceSeconds(options.outageGrace),
    exact_limits: options.exactLimits,
    identity_token: options.identityToken,
    metadata: parseMetadata(options.metadata),
  })
}

function graceSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = parseDuration(text)
  if (seconds === null) throw usageFailure('--outage-grace is a duration such as 30s or 15m')
  return seconds
}

function changesLists(options: ApiUpdateOptions): boolean {
  return [options.addRoute, options.removeRoute, options.addScope, options.removeScope].some(
    (o) => o !== undefined,
  )
}

/** Routes and scopes after the additions and removals; what does not change is left out. */
function changedLists(current: ApiResource, options: ApiUpdateOptions): Record<string, unknown> {
  if (options.route !== undefined || options.scope !== undefined) {
    throw usageFailure(
      '--route and --scope replace the whole list; they do not go with --add-… and --remove-…',
    )
  }
  const routes = changesRoutes(options) ? changedRoutes(current.routes, options) : undefined
  const removedScopes = splitList(options.removeScope) ?? []
  const scopes = [...new Set([...current.scopes, ...(splitList(options.addScope) ?? [])])]
  const changesScopes = options.addScope !== undefined || options.removeScope !== undefined
  return given({
    routes,
    scopes: changesScopes ? scopes.filter((s) => !removedScopes.includes(s)) : undefined,
  })
}

function changesRoutes(options: ApiUpdateOptions): boolean {
  return options.addRoute !== undefined || options.removeRoute !== undefined
}

function changedRoutes(current: readonly RouteResource[], options: ApiUpdateOptions): RouteResource[] {
  const added = (options.addRoute ?? []).map(parseRoute)
  const removed = (options.removeRoute ?? []).map(parseRouteName)
  for (const { method, path } of removed) {
    if (!current.some((route) => route.method === method && route.path === path)) {
      throw usageFailure(`there is no route ${method} ${path} to remove`)
    }
  }
  const gone = [...added, ...removed]
  const kept = current.filter(
    (route) => !gone.some((g) => g.method === route.method && g.path === route.path),
  )
  return [...kept, ...added]
}

function reportApi(invocation: Invocation, api: ApiResource): void {
  if (invocation.jsonAsked) invocation.printJson(api)
  const parts = [counted(api.routes.length, 'route'), counted(api.scopes.length, 'scope')]
  if (api.gateway_url !== null) parts.push(api.gateway_url)
  invocation.done(`API ${api.name}: ${parts.join(', ')}`)
  for (const warning of api.warnings ?? []) invocation.warn(warning)
}

function showApi(invocation: Invocation, api: ApiResource): void {
  if (invocation.json) {
    invocation.printJson(api)
    return
  }
  invocation.printFacts([
    ['name', api.name],
    ['id', api.id],
    ['audience', api.audience],
    ['scopes', api.scopes.join(' ')],
    ['accepts', api.accepts.join(' ')],
    ['upstream', api.upstream],
    ['gateway', api.gateway_url],
    ['requires TLS', api.requires_tls ? 'yes' : null],
    ['requires binding', api.requires_binding ? 'yes' : null],
    ['CORS origins', api.cors?.origins.join(' ') ?? null],
    ['limits', api.limits.map((limit) => `${limit.name}: ${describeLimit(limit)}`).join('; ')],
    ['outage grace', api.outage_grace_seconds === 0 ? null : formatDuration(api.outage_grace_seconds)],
    ['exact limits', api.exact_limits ? 'yes' : null],
    ['identity token', api.identity_token ? 'yes' : null],
    ['metadata', metadataText(api.metadata)],
  ])
  for (const route of api.routes) invocation.printFacts([['route', describeRoute(route)]])
}

function metadataText(metadata: Readonly<Record<string, string>>): string {
  return Object.entries(metadata)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
