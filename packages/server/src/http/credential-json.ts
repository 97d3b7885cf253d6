import {
  CREDENTIAL_KINDS,
  CREDENTIAL_STATUSES,
  type CredentialKind,
  clientIdOf,
  PRINCIPAL_TYPES,
  statusOf,
  VERSION_STATUSES,
  versionStatusOf,
} from '@credence/core'
import { type Static, Type } from 'typebox'
import type { CredentialView } from '../operations/show-credential.ts'
import type { UsageRow } from '../store/usage-port.ts'
import { BindingShape, bindingToJson } from './binding-json.ts'
import { conditionsToJson } from './conditions-json.ts'
import { limitsToJson } from './limits-json.ts'
import { ConditionsShape, GrantShape, Id, LimitShape, Nullable, OneOf, Strict } from './schemas.ts'
import { optionalTimestampToJson, timestampToJson } from './timestamp.ts'

const Time = Type.String({ format: 'date-time' })
const Count = Type.Integer({ minimum: 0 })

export const PrincipalSummary = Strict({
  id: Id,
  name: Type.String(),
  type: OneOf(PRINCIPAL_TYPES),
  external_id: Nullable(Type.String()),
})

const VersionShape = Strict({
  version: Type.Integer(),
  status: OneOf(VERSION_STATUSES, {
    description: 'ending: a newer one is there, this one works until its end.',
  }),
  created_at: Time,
  ends_at: Nullable(Time),
  revoked_at: Nullable(Time),
  last_used_at: Nullable(Time),
  last_ip: Nullable(Type.String()),
  last_user_agent: Nullable(Type.String()),
  uses: Count,
})

export const CredentialShape = Strict({
  id: Id,
  kind: OneOf(CREDENTIAL_KINDS),
  status: OneOf(CREDENTIAL_STATUSES),
  reason: Nullable(Type.String({ description: 'Why it was disabled, quarantined or revoked.' })),
  name: Nullable(Type.String()),
  principal: PrincipalSummary,
  grants: Type.Array(GrantShape),
  key_prefix: Type.String(),
  username: Nullable(Type.String({ description: 'Of kind `basic`; else null.' })),
  client_id: Nullable(
    Type.String({
      description:
        "Of kinds `client_secret` and `client_key`: its principal's, one for all of them; else null.",
    }),
  ),
  created_at: Time,
  updated_at: Time,
  not_before: Nullable(Time),
  expires_at: Nullable(Time),
  conditions: Nullable(ConditionsShape),
  binding: Nullable(BindingShape),
  limits: Type.Array(LimitShape),
  metadata: Type.Record(Type.String(), Type.String()),
  tags: Type.Array(Type.String()),
  issued_by: Nullable(Type.String({ description: 'The credential that issued this one.' })),
  parent: Nullable(
    Type.String({
      description:
        'Of an access token: the credential that it came from, or the trusted issuer whose token that was, and where its use is counted.',
    }),
  ),
  revision: Type.Integer(),
  versions: Type.Array(VersionShape),
  usage: Strict(
    {
      first_used_at: Nullable(Time),
      last_used_at: Nullable(Time),
      by_code: Type.Record(Type.String(), Count),
    },
    { description: 'Every decision about this credential once its secret was proven, refusals included.' },
  ),
})
export type CredentialJson = Static<typeof CredentialShape>

/** A credential as it is shown. No secret, and nothing of its digest. */
export function credentialToJson({
  record,
  principal,
  grants,
  usage,
  nowMs,
}: CredentialView): CredentialJson {
  return {
    id: record.id,
    kind: record.kind,
    status: statusOf(record, nowMs),
    reason: record.stateReason,
    name: record.name,
    principal: {
      id: principal.id,
      name: principal.name,
      type: principal.type,
      external_id: principal.externalId,
    },
    grants: [...grants],
    key_prefix: record.keyPrefix,
    username: record.kind === 'basic' ? record.handle : null,
    client_id: hasClientId(record.kind) ? clientIdOf(record.principalId) : null,
    created_at: timestampToJson(record.createdAtMs),
    updated_at: timestampToJson(record.updatedAtMs),
    not_before: optionalTimestampToJson(record.notBeforeMs),
    expires_at: optionalTimestampToJson(record.expiresAtMs),
    conditions: conditionsToJson(record.conditions),
    binding: bindingToJson(record.binding),
    limits: limitsToJson(record.limits),
    metadata: record.metadata,
    tags: [...record.tags],
    issued_by: record.issuedBy,
    parent: record.parentId,
    revision: record.revision,
    versions: record.versions.map((version) => {
      const uses = usage.filter((row) => row.version === version.version)
      const last = lastOf(uses)
      return {
        version: version.version,
        status: versionStatusOf(version, nowMs),
        created_at: timestampToJson(version.createdAtMs),
        ends_at: optionalTimestampToJson(version.endsAtMs),
        revoked_at: optionalTimestampToJson(version.revokedAtMs),
        last_used_at: optionalTimestampToJson(last?.lastAtMs ?? null),
        last_ip: last?.lastIp ?? null,
        last_user_agent: last?.lastUserAgent ?? null,
        uses: uses.reduce((sum, row) => sum + row.count, 0),
      }
    }),
    usage: usageToJson(usage),
  }
}

function hasClientId(kind: CredentialKind): boolean {
  return kind === 'client_secret' || kind === 'client_key'
}

function usageToJson(usage: readonly UsageRow[]): CredentialJson['usage'] {
  const byCode: Record<string, number> = {}
  let firstAtMs: number | null = null
  for (const { code, count, firstAtMs: atMs } of usage) {
    byCode[code] = (byCode[code] ?? 0) + count
    firstAtMs = Math.min(firstAtMs ?? atMs, atMs)
  }
  return {
    first_used_at: optionalTimestampToJson(firstAtMs),
    last_used_at: optionalTimestampToJson(lastOf(usage)?.lastAtMs ?? null),
    by_code: byCode,
  }
}

function lastOf(usage: readonly UsageRow[]): UsageRow | undefined {
  let last: UsageRow | undefined
  for (const row of usage) if (last === undefined || row.lastAtMs >= last.lastAtMs) last = row
  return last
}
