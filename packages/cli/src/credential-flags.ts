import type { BindFlags } from './bind-flag.ts'
import type { CredenceCommand } from './credence-command.ts'
import { usageFailure } from './failure.ts'
import { type LimitFlags, limitsOf } from './limit-flag.ts'
import { collect, given, parseMetadata, splitList } from './list-flag.ts'
import { parseMoment } from './moment.ts'
import type { ConditionsResource, CredentialResource } from './resources.ts'

/** What can be said of a credential, when it is made and later. */
export interface CredentialFlags extends LimitFlags, BindFlags {
  readonly name?: string
  readonly expires?: string
  readonly notBefore?: string
  readonly ip?: readonly string[]
  readonly method?: readonly string[]
  readonly path?: readonly string[]
  readonly tag?: readonly string[]
  readonly metadata?: readonly string[]
}

export interface CredentialPatchFlags extends Omit<CredentialFlags, 'limit' | 'metadata'> {
  readonly api?: string
  readonly addScope?: readonly string[]
  readonly removeScope?: readonly string[]
  readonly addTag?: readonly string[]
  readonly removeTag?: readonly string[]
  /** false: --no-limits, --no-conditions, --no-metadata. */
  readonly limits?: boolean
  readonly conditions?: boolean
  readonly metadata?: readonly string[] | false
}

export function withCredentialFlags(command: CredenceCommand): CredenceCommand {
  return command
    .option('--name <name>', 'a name for people to know it by')
    .option('--expires <when>', 'when it ends: 90d, 12h, 2027-02-22 or an RFC 3339 time; never: no end')
    .option('--not-before <when>', 'when it begins to work, in the same forms')
    .option('--rate <rate>', 'requests per window: 100/1m, or named: burst=10/1s; repeatable', collect)
    .option(
      '--quota <quota>',
      'requests per calendar period, UTC: 10000/month (hour, day, week); repeatable',
      collect,
    )
    .option('--credits <credits>', 'remaining uses: 500, or with a refill 500+50/1h; repeatable', collect)
    .option('--ip <range>', 'works only from this address or CIDR range; repeatable', collect)
    .option('--method <method>', 'works only with this HTTP method; repeatable', collect)
    .option('--path <pattern>', "works only on paths such as '/orders/**'; repeatable", collect)
    .option(
      '--bind-dpop <file>',
      'works only beside a DPoP proof of this key (JWK or PEM; its public part is sent)',
    )
    .option(
      '--bind-certificate <file>',
      'works only over TLS with this client certificate (PEM); of kind client_key: is it',
    )
    .option(
      '--bind-signature <file>',
      'works only for requests that this key signs (RFC 9421; JWK or PEM); of kind client_key: for what it asserts',
    )
}

/** The members of a new credential that these flags stand for. */
export function credentialMembers(flags: CredentialFlags, nowMs: number): Record<string, unknown> {
  const conditions = conditionMembers(flags)
  return given({
    name: flags.name,
    expires_at: flags.expires === 'never' ? undefined : momentOf('--expires', flags.expires, nowMs),
    not_before: momentOf('--not-before', flags.notBefore, nowMs),
    limits: limitsOf(flags),
    conditions: Object.keys(conditions).length === 0 ? undefined : conditions,
    metadata: parseMetadata(flags.metadata),
    tags: splitList(flags.tag),
  })
}

/**
 * The change that the flags ask for. Limits, metadata and conditions are kept where no flag names them; the request
 * goes out for the revision that was read, so nothing that somebody else writes in between is lost.
 */
export function credentialPatch(
  current: CredentialResource,
  flags: CredentialPatchFlags,
  nowMs: number,
): Record<string, unknown> {
  const changesScopes = flags.addScope !== undefined || flags.removeScope !== undefined
  return given({
    name: flags.name,
    expires_at: flags.expires === 'never' ? null : momentOf('--expires', flags.expires, nowMs),
    not_before: momentOf('--not-before', flags.notBefore, nowMs),
    limits: patchedLimits(current, flags),
    conditions: patchedConditions(current, flags),
    metadata: patchedMetadata(current, flags),
    tags: patchedTags(current, flags),
    api: changesScopes ? (flags.api ?? onlyApi(current)) : undefined,
    add_scopes: splitList(flags.addScope),
    remove_scopes: splitList(flags.removeScope),
  })
}

function patchedLimits(current: CredentialResource, flags: CredentialPatchFlags) {
  const named = limitsOf(flags as LimitFlags)
  if (flags.limits === false) return named ?? []
  if (named === undefined) return undefined
  return [
    ...current.limits.filter((limit) => !named.some((n) => n.name === limit.name && n.type === limit.type)),
    ...named,
  ]
}

function patchedConditions(
  current: CredentialResource,
  flags: CredentialPatchFlags,
): ConditionsResource | null | undefined {
  const named = conditionMembers(flags)
  const isNamed = Object.keys(named).length > 0
  if (flags.conditions === false) return isNamed ? named : null
  return isNamed ? { ...current.conditions, ...named } : undefined
}

function patchedMetadata(current: CredentialResource, flags: CredentialPatchFlags) {
  // commander starts a --no-… option at true; only a list is a list.
  const named = Array.isArray(flags.metadata) ? parseMetadata(flags.metadata) : undefined
  if (flags.metadata === false) return {}
  return named === undefined ? undefined : { ...current.metadata, ...named }
}

function patchedTags(current: CredentialResource, flags: CredentialPatchFlags) {
  if (flags.addTag === undefined && flags.removeTag === undefined) return undefined
  const removed = splitList(flags.removeTag) ?? []
  return [...new Set([...current.tags, ...(splitList(flags.addTag) ?? [])])].filter(
    (tag) => !removed.includes(tag),
  )
}

function conditionMembers(flags: Pick<CredentialFlags, 'ip' | 'method' | 'path'>): ConditionsResource {
  return given({
    ip_ranges: splitList(flags.ip),
    methods: splitList(flags.method)?.map((method) => method.toUpperCase()),
    paths: splitList(flags.path),
  })
}

function momentOf(flag: string, text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined) return undefined
  const moment = parseMoment(text, nowMs)
  if (moment !== null) return moment
  throw usageFailure(
    `${flag} takes 90d, 12h, 2027-02-22 or 2027-02-22T14:00:00Z, not ${JSON.stringify(text)}`,
  )
}

function onlyApi(current: CredentialResource): string {
  const [first, ...others] = current.grants
  if (first !== undefined && others.length === 0) return first.api
  const names = current.grants.map((grant) => grant.api).join(', ')
  throw usageFailure(
    `say with --api at which API; the credential has ${names === '' ? 'no grant yet' : names}`,
  )
}
