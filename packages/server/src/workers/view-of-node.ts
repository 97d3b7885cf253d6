import { renderTogether } from '../observe/metric-samples.ts'
import type { NodeView } from '../observe/node-view.ts'
import type { Channel } from './ipc.ts'
import type { NodeService } from './protocol.ts'

/** A worker's view of its node: what it knows itself, and what its primary hears from the others. */
export function viewOfNode(channel: Channel, own: NodeView): NodeView {
  const node = channel.remote<NodeService>('node')
  return {
    decision: async (workspaceId, requestId) =>
      (await own.decision(workspaceId, requestId)) ?? node.decision(workspaceId, requestId),
    decisions: (query) => node.decisions(query),
    metrics: async () => renderTogether(await node.metrics()),
    workers: () => node.workers(),
  }
}
