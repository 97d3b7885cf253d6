import type { Binding, Conditions, Limit, Metadata } from '@credence/core'
import { type Static, Type } from 'typebox'
import type { IssueArguments } from '../operations/issue-credential.ts'
import { ISSUED_KINDS } from '../operations/kind-fields.ts'
import { type Reading, readAll, unreadable } from '../operations/reading.ts'
import type { GrantArguments } from '../operations/resolve-grants.ts'
import type { CredentialChanges } from '../operations/update-credential.ts'
import { BindingInput, bindingFromJson } from './binding-json.ts'
import { conditionsFromJson } from './conditions-json.ts'
import { limitsFromJson } from './limits-json.ts'
import {
  ConditionsShape,
  GrantInputs,
  Limits,
  MetadataShape,
  Nullable,
  OneOf,
  Password,
  Ref,
  Scopes,
  Strict,
  Tags,
  Text,
  Timestamp,
} from './schemas.ts'
import { timestampFromJson } from './timestamp.ts'

const Roles = Type.Array(Ref, { maxItems: 50 })
const Grants = { ...GrantInputs, minItems: 1, description: 'One for each API.' }

/** What can be said of a credential when it is issued and changed later. */
const DESCRIBED = {
  name: Type.Optional(Nullable(Text(128))),
  not_before: Type.Optional(Nullable(Timestamp)),
  expires_at: Type.Optional(Nullable(Timestamp)),
  limits: Type.Optional(Limits),
  conditions: Type.Optional(Nullable(ConditionsShape)),
  binding: Type.Optional(Nullable(BindingInput)),
  metadata: Type.Optional(MetadataShape),
  tags: Type.Optional(Tags),
}

export const IssueBody = Strict({
  kind: OneOf(ISSUED_KINDS),
  api: Type.Optional(Ref),
  scopes: Type.Optional(Scopes),
  roles: Type.Optional(Roles),
  grants: Type.Optional(Type.Unsafe<Static<typeof GrantInputs>>(Grants)),
  principal: Text(128, {
    description: 'By name or id. A name that nobody has becomes a new application.',
    examples: ['billing'],
  }),
  external_id: Type.Optional(
    Text(255, { description: 'Your own id, given to the principal when it is made.', examples: ['cus_42'] }),
  ),
  username: Type.Optional(
    Text(128, {
      description:
        'Of kind `basic`: unique in the workspace, without `:` or spaces, and not beginning with `cli_`.',
      examples: ['nightly-export'],
    }),
  ),
  password: Type.Optional(Password),
  ...DESCRIBED,
})

export const UpdateBody = Strict({
  api: Type.Optional(Ref),
  add_scopes: Type.Optional(Scopes),
  remove_scopes: Type.Optional(Scopes),
  grants: Type.Optional(Type.Unsafe<Static<typeof GrantInputs>>(Grants)),
  ...DESCRIBED,
})

interface Described {
  readonly not_before?: string | null
  readonly expires_at?: string | null
  readonly limits?: Static<typeof Limits>
  readonly conditions?: Static<typeof ConditionsShape> | null
  readonly binding?: Static<typeof BindingInput> | null
}

export function issueArgumentsFrom(body: Static<typeof IssueBody>): Reading<IssueArguments> {
  const parts = readAll({ grants: grantsFrom(body), ...describedFrom(body) })
  if (!parts.ok) return parts
  const { name = null, external_id: externalId = null, principal, metadata = {}, tags = [] } = body
  const { kind, username = null, password = null } = body
  const own = { principal, externalId, name, metadata, tags, kind, username, password }
  return { ok: true, value: { ...parts.value, ...own } }
}

/** What is not in the body stays as it is. */
export function changesFrom(body: Static<typeof UpdateBody>): Reading<CredentialChanges> {
  const { api, add_scopes: add, remove_scopes: remove, grants } = body
  const changesScopes = add !== undefined || remove !== undefined
  if (grants !== undefined && changesScopes) {
    return unreadable('grants', 'replaces all grants; give it, or add_scopes and remove_scopes, not both')
  }
  if (api !== undefined && !changesScopes) {
    return unreadable('api', 'says what add_scopes and remove_scopes are for; neither is there')
  }
  const described = readAll(describedFrom(body))
  if (!described.ok) return described
  const { notBeforeMs, expiresAtMs, limits, conditions, binding } = described.value
  const { name, metadata, tags } = body
  const changes: CredentialChanges = {
    ...(grants !== undefined && { grants: grants.map(listedGrant) }),
    ...(changesScopes && { scopes: { api: api ?? null, add: add ?? [], remove: remove ?? [] } }),
    ...(name !== undefined && { name }),
    ...(body.not_before !== undefined && { notBeforeMs }),
    ...(body.expires_at !== undefined && { expiresAtMs }),
    ...(body.limits !== undefined && { limits }),
    ...(body.conditions !== undefined && { conditions }),
    ...(body.binding !== undefined && { binding }),
    ...(metadata !== undefined && { metadata: metadata as Metadata }),
    ...(tags !== undefined && { tags }),
  }
  return { ok: true, value: changes }
}

function describedFrom(body: Described): {
  notBeforeMs: Reading<number | null>
  expiresAtMs: Reading<number | null>
  limits: Reading<Limit[]>
  conditions: Reading<Conditions | null>
  binding: Reading<Binding | null>
} {
  return {
    notBeforeMs: timestampFromJson(body.not_before, 'not_before'),
    expiresAtMs: timestampFromJson(body.expires_at, 'expires_at'),
    limits: limitsFromJson(body.limits),
    conditions: conditionsFromJson(body.conditions),
    binding: bindingFromJson(body.binding),
  }
}

function grantsFrom(body: Static<typeof IssueBody>): Reading<GrantArguments[]> {
  const { api, scopes, roles, grants } = body
  if (grants !== undefined) {
    const other = (
      [
        ['api', api],
        ['scopes', scopes],
        ['roles', roles],
      ] as const
    ).find(([, value]) => value !== undefined)
    if (other !== undefined)
      return unreadable(other[0], 'stands in for one grant; give it, or grants, not both')
    return { ok: true, value: grants.map(listedGrant) }
  }
  if (api === undefined) return unreadable('api', 'is required, or grants')
  return { ok: true, value: [{ api, scopes: scopes ?? [], roles: roles ?? [], at: '' }] }
}

function listedGrant(grant: Static<typeof GrantInputs>[number], index: number): GrantArguments {
  return { api: grant.api, scopes: grant.scopes ?? [], roles: grant.roles ?? [], at: `grants[${index}].` }
}
