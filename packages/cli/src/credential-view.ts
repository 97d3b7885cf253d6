import { describeGrants } from './grant-flag.ts'
import type { Invocation } from './invocation.ts'
import { describeLimit } from './limit-flag.ts'
import { ago, ending, localTime } from './moment.ts'
import type { CredentialResource, VersionResource } from './resources.ts'
import type { Column } from './table.ts'

/** Columns of `credentials list`. */
export function credentialColumns(nowMs: number): readonly Column<CredentialResource>[] {
  return [
    { title: 'ID', value: (credential) => credential.id },
    { title: 'NAME', value: (credential) => credential.name ?? credential.username ?? '-', flexible: true },
    { title: 'PRINCIPAL', value: (credential) => credential.principal.name, flexible: true },
    { title: 'GRANTS', value: (credential) => describeGrants(credential.grants) || '-', flexible: true },
    { title: 'STATUS', value: (credential) => credential.status },
    { title: 'ENDS', value: (credential) => endOf(credential, nowMs) },
    { title: 'LAST USED', value: (credential) => lastUse(credential, nowMs) },
  ]
}

/** A credential on the terminal: its versions first, then what else is known of it. */
export function printCredential(invocation: Invocation, credential: CredentialResource): void {
  const nowMs = invocation.terminal.clock()
  invocation.printTable(versionColumns(credential, nowMs), credential.versions)
  invocation.print('\n')
  invocation.printFacts([
    ['id', credential.id],
    ['name', credential.name],
    ['kind', credential.kind],
    ['username', credential.username],
    ['client id', credential.client_id],
    ['status', statusText(credential)],
    ['principal', principalText(credential)],
    ['grants', describeGrants(credential.grants) || 'none'],
    ['begins', credential.not_before === null ? null : localTime(credential.not_before, nowMs)],
    ['ends', credential.expires_at === null ? 'never' : localTime(credential.expires_at, nowMs)],
    ['limits', credential.limits.map((limit) => `${limit.name}: ${describeLimit(limit)}`).join('; ')],
    ['conditions', conditionsText(credential)],
    ['bound by', bindingText(credential)],
    ['tags', credential.tags.join(' ')],
    ['metadata', pairs(credential.metadata, '=')],
    ['issued by', credential.issued_by],
    ['uses', pairs(credential.usage?.by_code ?? {}, ' ')],
  ])
}

function versionColumns(credential: CredentialResource, nowMs: number): readonly Column<VersionResource>[] {
  return [
    { title: 'VERSION', value: (version) => String(version.version) },
    { title: 'STATE', value: (version) => versionState(credential, version, nowMs) },
    { title: 'LAST USED', value: (v) => (v.last_used_at === null ? 'never' : ago(v.last_used_at, nowMs)) },
    { title: 'BY', value: usedBy, flexible: true },
  ]
}

/** A current version of a revoked credential is of no use: then the credential's status is what counts. */
function versionState(credential: CredentialResource, version: VersionResource, nowMs: number): string {
  if (version.status === 'revoked') return 'revoked'
  if (version.status === 'ended') return version.ends_at === null ? 'ended' : ending(version.ends_at, nowMs)
  if (credential.status !== 'active') return credential.status.replaceAll('_', ' ')
  if (version.status === 'ending' && version.ends_at !== null) return ending(version.ends_at, nowMs)
  return version.status
}

/** `127.0.0.1 curl/8.5`: the address and the first product of the user agent. */
function usedBy(version: VersionResource): string {
  const agent = version.last_user_agent?.split(' ')[0]
  return (
    [version.last_ip, agent].filter((part) => part !== null && part !== undefined && part !== '').join(' ') ||
    '-'
  )
}

function endOf(credential: CredentialResource, nowMs: number): string {
  return credential.expires_at === null ? 'never' : ending(credential.expires_at, nowMs).replace(/^ends /, '')
}

function lastUse(credential: CredentialResource, nowMs: number): string {
  const uses = credential.versions.map((version) => version.last_used_at).filter((at) => at !== null)
  const newest = credential.usage?.last_used_at ?? uses.sort().at(-1)
  return newest === null || newest === undefined ? 'never' : ago(newest, nowMs)
}

function statusText(credential: CredentialResource): string {
  const status = credential.status.replaceAll('_', ' ')
  return credential.reason === null ? status : `${status}: ${credential.reason}`
}

function principalText({ principal }: CredentialResource): string {
  const external = principal.external_id === null ? '' : `, ${principal.external_id}`
  return `${principal.name} (${principal.type}${external})`
}

function conditionsText({ conditions }: CredentialResource): string | null {
  if (conditions === null) return null
  const window = conditions.time_window ?? null
  return [
    ...(conditions.ip_ranges ?? []).map((range) => `from ${range}`),
    ...(conditions.methods ?? []),
    ...(conditions.paths ?? []),
    ...(window === null
      ? []
      : [`days ${window.days.join(',')} ${window.start}-${window.end} ${window.time_zone}`]),
  ].join(', ')
}

/** `dpop, key 0ZcOCORZNYy…` */
function bindingText({ binding }: CredentialResource): string | null {
  if (binding === null) return null
  const { type, jwk_thumbprint: key, certificate_thumbprint: certificate } = binding
  return certificate === undefined ? `${type}, key ${key}` : `${type}, certificate ${certificate}`
}

function pairs(entries: Readonly<Record<string, string | number>>, between: string): string {
  return Object.entries(entries)
    .map((entry) => entry.join(between))
    .join(', ')
}
