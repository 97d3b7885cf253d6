import type { AuditRow } from '@credence/server'
import type { RunningServer } from '../running-server.ts'

interface AuditEntry {
  readonly position: number
  readonly at: string
  readonly action: string
  readonly target: { readonly type: AuditRow['targetTable']; readonly id: string }
  readonly actor: { readonly credential: string; readonly principal: string | null } | null
  readonly request_id: string | null
  readonly ip: string | null
  readonly detail: AuditRow['detail']
  readonly hash: string
}

/** The whole trail, oldest first, as the store hashed it: everything here happened in one workspace. */
export async function auditTrail(server: RunningServer): Promise<AuditRow[]> {
  const workspaces = await server.request<{ items: { id: string }[] }>('GET', '/v1/workspaces')
  const workspaceId = workspaces.body.items[0]!.id
  const rows: AuditRow[] = []
  for (let cursor = ''; ; ) {
    const page = await server.request<{ items: AuditEntry[]; next_cursor: string | null }>(
      'GET',
      `/v1/audit?limit=100${cursor}`,
    )
    rows.push(...page.body.items.map((entry) => auditRow(entry, workspaceId)))
    if (page.body.next_cursor === null) return rows.reverse()
    cursor = `&cursor=${page.body.next_cursor}`
  }
}

function auditRow(entry: AuditEntry, workspaceId: string): AuditRow {
  const { position, at, action, target, actor, request_id: requestId, ip, detail, hash } = entry
  return {
    position,
    workspaceId,
    atMs: Date.parse(at),
    action,
    targetTable: target.type,
    targetId: target.id,
    actorCredentialId: actor?.credential ?? null,
    actorPrincipalId: actor?.principal ?? null,
    requestId,
    ip,
    detail,
    hash,
  }
}
