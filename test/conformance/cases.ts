import type { CredentialRecord, DenialCode } from '@credence/core'
import { damagedKey } from '@credence/core/testing/damaged-key'
import type { ProtectedApiOptions } from '@credence/server/testing/protected-api'
import type { Asked, Surface } from './ask.ts'

/** A Monday, noon in UTC. */
export const NOW_MS = Date.UTC(2027, 0, 4, 12)
const PAST_MS = NOW_MS - 1000
const AT_AN_API = ['gateway', 'forwarded', 'nginx', 'envoy', 'verify', 'guard'] as const
const EVERYWHERE = [...AT_AN_API, 'administration'] as const

export interface Case {
  readonly name: string
  readonly code: DenialCode
  readonly at: readonly Surface[]
  readonly given?: ProtectedApiOptions
  readonly ask?: Pick<Asked, 'method' | 'path'>
  /** Changes the secret's version 1. */
  readonly version?: Partial<CredentialRecord['versions'][number]>
  /** What is presented; the key itself when left out. */
  readonly present?: (key: string) => Readonly<Record<string, string>>
  /** How many requests pass before. */
  readonly passing?: number
  readonly headers?: Readonly<Record<string, string>>
  /** In answer to `POST /v1/verify`: the operator's detail, and whether the caller is known by then. */
  readonly detail?: string
  readonly isKnown?: boolean
}

const isKnown = true
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const conditions = { ipRanges: null, methods: null, paths: null, timeWindow: null }
const sunday = { days: [7], startMinute: 0, endMinute: 1440, timeZone: 'UTC' }

function limited(
  limit: NonNullable<CredentialRecord['limits']>[number],
): Pick<Case, 'given' | 'passing' | 'at' | 'isKnown'> {
  return { at: EVERYWHERE, passing: 1, isKnown, given: { credential: { limits: [limit] } } }
}

/** NOT_FOUND, BAD_SECRET, UNAVAILABLE and PROXY_UNTRUSTED need more than records: they have tests of their own. */
export const CASES: readonly Case[] = [
  {
    ...{ name: 'nothing is presented', code: 'MISSING', at: EVERYWHERE },
    ...{ present: () => ({}), detail: 'neither Authorization nor X-API-Key is there' },
  },
  {
    ...{ name: 'a header that holds no credential', code: 'MALFORMED', at: EVERYWHERE },
    ...{ present: () => ({ authorization: 'Bearer' }), detail: 'Authorization does not hold a credential' },
  },
  {
    ...{ name: 'a key with a wrong checksum', code: 'MALFORMED', at: EVERYWHERE },
    present: (key) => bearer(damagedKey(key)),
  },
  {
    ...{ name: 'a target that two parsers read differently', code: 'BAD_REQUEST', at: AT_AN_API },
    ask: { path: '/orders/a%2Fb' },
  },
  {
    ...{ name: 'HTTP Basic', code: 'KIND_NOT_ACCEPTED', at: EVERYWHERE },
    present: () => ({ authorization: 'Basic YTpi' }),
    given: { api: { accepts: ['api_key', 'jwt'] } },
    detail: 'basic is not among api_key, jwt',
  },
  {
    ...{ name: 'a path that no route covers', code: 'ROUTE_UNKNOWN', at: AT_AN_API },
    ...{ ask: { path: '/nowhere' }, detail: 'no route of orders covers GET /nowhere' },
  },
  {
    ...{ name: 'plain HTTP where the API wants TLS', code: 'TLS_REQUIRED', at: AT_AN_API },
    ...{ given: { api: { requiresTls: true } }, detail: 'the request came without TLS' },
  },
  {
    ...{ name: 'two different credentials', code: 'AMBIGUOUS', at: EVERYWHERE },
    present: (key) => ({ ...bearer(key), 'x-api-key': 'another' }),
    detail: 'X-API-Key holds another credential than an earlier place',
  },
  {
    ...{ name: 'a disabled credential', code: 'DISABLED', at: EVERYWHERE, isKnown },
    ...{ given: { credential: { state: 'disabled' } }, detail: 'disabled' },
  },
  {
    ...{ name: 'a disabled principal', code: 'DISABLED', at: EVERYWHERE, isKnown },
    ...{ given: { principal: { disabledAtMs: PAST_MS } }, detail: 'its principal is disabled' },
  },
  {
    ...{ name: 'a revoked credential', code: 'REVOKED', at: EVERYWHERE, isKnown },
    ...{ given: { credential: { state: 'revoked', stateReason: 'leaked' } }, detail: 'revoked: leaked' },
  },
  {
    ...{ name: 'a revoked version', code: 'REVOKED', at: EVERYWHERE, isKnown },
    ...{ version: { revokedAtMs: PAST_MS }, detail: 'version 1 of its secret was revoked' },
  },
  {
    ...{ name: 'a quarantined credential', code: 'QUARANTINED', at: EVERYWHERE, isKnown },
    ...{ given: { credential: { state: 'quarantined' } }, detail: 'quarantined' },
  },
  {
    ...{ name: 'a credential at its end', code: 'EXPIRED', at: EVERYWHERE, isKnown },
    ...{ given: { credential: { expiresAtMs: NOW_MS } }, detail: 'ended at 2027-01-04T12:00:00.000Z' },
  },
  {
    ...{ name: 'a version at its end', code: 'EXPIRED', at: EVERYWHERE, isKnown },
    version: { endsAtMs: NOW_MS },
    detail: 'version 1 of its secret ended at 2027-01-04T12:00:00.000Z',
  },
  {
    ...{ name: 'a credential before its begin', code: 'NOT_YET_VALID', at: EVERYWHERE, isKnown },
    ...{ given: { credential: { notBeforeMs: NOW_MS + 1 } }, detail: 'begins at 2027-01-04T12:00:00.001Z' },
  },
  {
    ...{ name: 'a credential without a grant here', code: 'WRONG_AUDIENCE', at: EVERYWHERE, isKnown },
    ...{ given: { credential: { grants: [] } }, detail: 'no grant for API orders' },
  },
  {
    ...{ name: 'another address', code: 'CONDITION_FAILED', at: EVERYWHERE, isKnown },
    given: { credential: { conditions: { ...conditions, ipRanges: ['203.0.113.0/24'] } } },
    detail: 'ip_ranges: 192.0.2.7 is in none of 203.0.113.0/24',
  },
  {
    ...{ name: 'another method', code: 'CONDITION_FAILED', at: EVERYWHERE, isKnown },
    given: { credential: { conditions: { ...conditions, methods: ['POST'] } } },
    detail: 'methods: GET is none of POST',
  },
  {
    ...{ name: 'another path', code: 'CONDITION_FAILED', at: EVERYWHERE, isKnown },
    given: { credential: { conditions: { ...conditions, paths: ['/stock/*'] } } },
    detail: 'paths: /orders/7 matches none of /stock/*',
  },
  {
    ...{ name: 'another day', code: 'CONDITION_FAILED', at: EVERYWHERE, isKnown },
    given: { credential: { conditions: { ...conditions, timeWindow: sunday } } },
    detail: 'time_window: 2027-01-04T12:00:00.000Z is outside of the days and hours in UTC',
  },
  {
    ...{ name: 'a scope that is missing', code: 'INSUFFICIENT_SCOPE', at: EVERYWHERE, isKnown },
    ...{ given: { scopes: ['orders:list'] }, ask: {} },
    detail: 'route GET /orders/* needs orders:read; has orders:list',
  },
  {
    ...{ name: 'a rate used up', code: 'RATE_LIMITED' },
    ...limited({ type: 'rate', name: 'default', limit: 1, windowSeconds: 60 }),
    headers: {
      'retry-after': '60',
      ratelimit: '"default";r=0;t=60',
      'ratelimit-policy': '"default";q=1;w=60',
    },
    detail: 'rate "default" of the credential: 1, 0 left',
  },
  {
    ...{ name: 'a quota used up', code: 'QUOTA_EXCEEDED' },
    ...limited({ type: 'quota', name: 'daily', limit: 1, period: 'day' }),
    headers: {
      'retry-after': '43200',
      ratelimit: '"daily";r=0;t=43200',
      'ratelimit-policy': '"daily";q=1;w=86400',
    },
    detail: 'quota "daily" of the credential: 1, 0 left',
  },
  {
    ...{ name: 'credits used up', code: 'QUOTA_EXCEEDED' },
    ...limited({ type: 'credits', name: 'credits', limit: 1, refill: null }),
    headers: { ratelimit: '"credits";r=0', 'ratelimit-policy': '"credits";q=1' },
    detail: 'credits "credits" of the credential: 1, 0 left',
  },
]
