import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import type { WorkersSeen } from '../../observe/node-view.ts'
import { done } from '../../operations/operation.ts'
import type { SignOfLife } from '../../store/port.ts'
import { VERSION } from '../../version.ts'
import type { App } from '../app.ts'
import { authenticate } from '../authenticate.ts'
import { respond } from '../respond.ts'
import { routeSchema } from '../route-schema.ts'
import { Nullable, OneOf, Strict, Timestamp } from '../schemas.ts'
import { timestampToJson } from '../timestamp.ts'

/** `/v1/status`: how this node is, for operators; health for load balancers is elsewhere. */
export function registerStatus(app: App, context: Context): void {
  const onRequest = authenticate(context, 'status:read')
  app.get('/v1/status', { onRequest, schema: SHOW }, async (request, reply) => {
    const [{ version }, workers] = await Promise.all([context.store.schema(), context.node.workers()])
    const body = statusOf(context, request.actor.workspaceId, version, workers)
    return respond(request, reply, done(body), () => ({ body }))
  })
}

function statusOf(context: Context, workspaceId: string, schemaVersion: number, workers: WorkersSeen) {
  const { follower, members, usage, config, clock, startedAtMs, listeners, store } = context
  const lagMs = follower.lagMs()
  const { pending, dropped } = usage.stats
  const apis = [...context.directory.all()].filter((api) => api.workspaceId === workspaceId && !api.builtIn)
  return {
    version: VERSION,
    node: members.own.node,
    worker: workerNumber(context.worker),
    workers: workers.count,
    workers_answering: workers.answering,
    ready: context.readiness.ready,
    store: { name: store.name, schema: schemaVersion },
    feed: {
      position: follower.position,
      lag_ms: Number.isFinite(lagMs) ? Math.round(lagMs) : null,
      bound_ms: config.leaseMs,
    },
    usage: { queued: pending, dropped },
    limits: limitsOf(context),
    uptime_seconds: Math.max(0, Math.floor((clock() - startedAtMs) / 1000)),
    listeners: listeners.map(({ name, host, port }) => ({ name, host, port })),
    counts: { apis: apis.length },
    nodes: members.nodes,
    processes: members.list.toSorted(byNode).map((sign) => ({
      node: sign.node,
      worker: workerNumber(sign.worker),
      version: sign.version,
      started_at: timestampToJson(sign.startedAtMs),
      position: sign.position,
      feed_lag_ms: sign.feedLagMs,
      leader: sign.isLeader,
    })),
  }
}

/** Null: the node is one process. */
function workerNumber(worker: number): number | null {
  return worker === 0 ? null : worker
}

function limitsOf({ limits }: Context) {
  const { countedBy, isDegraded, decidedAlone } = limits.state()
  return { counted_by: countedBy, degraded: isDegraded, decided_alone: decidedAlone }
}

function byNode(a: SignOfLife, b: SignOfLife): number {
  if (a.node !== b.node) return a.node < b.node ? -1 : 1
  return a.worker - b.worker
}

const SHOW = routeSchema({
  operationId: 'showStatus',
  tag: 'Status',
  summary: 'Show how the installation is',
  description: 'This node, its store, and how closely it follows the feed.',
  scope: 'status:read',
  success: {
    status: 200,
    description: 'The status.',
    body: Strict({
      version: Type.String(),
      node: Type.String(),
      worker: Nullable(
        Type.Integer({
          description: 'Which worker of this node answers here. Null: the node is one process.',
        }),
      ),
      workers: Type.Integer({ description: 'How many processes of this node answer requests.' }),
      workers_answering: Type.Integer({ description: 'How many of them answered when this was asked.' }),
      ready: Type.Boolean(),
      store: Strict({ name: Type.String(), schema: Type.Integer() }),
      feed: Strict({
        position: Type.Integer({ description: 'The newest change that this node has seen.' }),
        lag_ms: Nullable(Type.Integer({ description: 'Since the feed was last confirmed. Null: not yet.' })),
        bound_ms: Type.Integer({ description: 'After so long without it, records are read from the store.' }),
      }),
      usage: Strict({
        queued: Type.Integer({ description: 'Entries that wait for the next flush.' }),
        dropped: Type.Integer({ description: 'Uses that were not counted since the start.' }),
      }),
      limits: Strict({
        counted_by: OneOf(['process', 'primary', 'valkey']),
        degraded: Type.Boolean({
          description: 'Whoever counts for all is lost: this process counts its share alone.',
        }),
        decided_alone: Type.Integer({ description: 'Requests that were decided so since the start.' }),
      }),
      uptime_seconds: Type.Integer(),
      listeners: Type.Array(
        Strict({
          name: OneOf(['api', 'gateway', 'admin', 'ops']),
          host: Type.String(),
          port: Type.Integer(),
        }),
      ),
      nodes: Type.Integer({ description: 'Nodes that gave a sign of life in the last seconds.' }),
      processes: Type.Array(
        Strict({
          node: Type.String(),
          worker: Nullable(Type.Integer({ description: 'Null: the node is one process.' })),
          version: Type.String(),
          started_at: Timestamp,
          position: Type.Integer(),
          feed_lag_ms: Nullable(Type.Integer()),
          leader: Type.Boolean({ description: 'It does what only one process does: sweeps, retention.' }),
        }),
        { description: 'Every process of every node, as of its last sign of life, a second ago or so.' },
      ),
      counts: Strict({ apis: Type.Integer({ description: 'Of your workspace.' }) }),
    }),
  },
})
