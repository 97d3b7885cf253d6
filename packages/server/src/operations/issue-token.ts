import {
  ACCESS_TOKEN_TYPE,
  type ApiRecord,
  anyCovers,
  type Binding,
  type CredentialRecord,
  confirmationOf,
  generateId,
  type IssuerToken,
  type PrincipalRecord,
  prefixOfKind,
  type SigningKey,
  signJwt,
} from '@credence/core'
import type { Context } from '../context.ts'
import { MAX_TOKEN_LIFE_SECONDS } from '../signing/key-schedule.ts'
import { type IdempotentRequest, idempotencyEntry, once } from './idempotency.ts'
import { grantsForTrail } from './issue-credential.ts'
import { makeKey } from './make-key.ts'
import { type Actor, done, failed, invalid, notFound, type Outcome } from './operation.ts'
import { write } from './write.ts'

export const TOKEN_FORMATS = ['opaque', 'jwt'] as const
export type TokenFormat = (typeof TOKEN_FORMATS)[number]

/** Long enough for a job, short enough that a stolen one is soon worth nothing. Seconds. */
export const DEFAULT_TOKEN_LIFE_SECONDS = 900

export interface TokenArguments {
  /** Null: all that the credential presented may do at the API. */
  readonly scopes: readonly string[] | null
  readonly expiresInSeconds: number
  readonly format: TokenFormat
}

/** Who asks: a credential that verify has found VALID at the API. */
export interface Asker {
  readonly credential: CredentialRecord
  /** Version of the secret that was presented. */
  readonly version: number
  readonly principal: PrincipalRecord
  readonly api: ApiRecord
  /** What it may do there now. */
  readonly scopes: readonly string[]
}

export interface IssuedToken {
  readonly record: CredentialRecord
  /** To hand out, this once. Null in a replay: it was shown to the request that came first. */
  readonly accessToken: string | null
  readonly expiresInSeconds: number
}

type Issuing = Pick<
  Context,
  'store' | 'lookup' | 'follower' | 'clock' | 'randomBytes' | 'sealingKeys' | 'publishedKeys' | 'verifier'
>

/**
 * Issues an access token: never for more than the credential presented may do at the one API, and never for longer than
 * that lives (RFC 8693 and RFC 9700: narrower only). It counts as long as the credential that it came from does.
 */
export function issueToken(
  context: Issuing,
  actor: Actor,
  asker: Asker,
  args: TokenArguments,
  idempotent: IdempotentRequest | null,
): Promise<Outcome<IssuedToken>> {
  const make = () => issue(context, actor, asker, args, idempotent)
  return once(context, idempotent, make, async ({ id }) => {
    const record = await context.store.read('credential', id)
    if (record === undefined || record.issuedBy !== actor.credentialId) return notFound('credential', id)
    return done({ record, accessToken: null, expiresInSeconds: lifeLeft(record, context.clock()) })
  })
}

async function issue(
  context: Issuing,
  actor: Actor,
  asker: Asker,
  args: TokenArguments,
  idempotent: IdempotentRequest | null,
): Promise<Outcome<IssuedToken>> {
  const { api } = asker
  if (api.builtIn) {
    return invalid({ field: 'api', detail: 'no tokens are issued for credence: keys administer it' })
  }
  if (!acceptsTokens(api)) {
    const detail = `${api.name} does not accept access tokens: access_token is not among its accepts`
    return invalid({ field: 'api', detail })
  }
  const scopes = grantedScopes(asker, args.scopes)
  if (!scopes.ok) return scopes
  const nowMs = context.clock()
  const expiresAtMs = endOf(asker, args.expiresInSeconds, nowMs)
  if (expiresAtMs <= nowMs) {
    return failed({ code: 'CONFLICT', detail: 'the credential presented ends within the second' })
  }
  const secret = await newSecret(context, asker, args.format)
  if (!secret.ok) return secret
  const record = newToken(asker, secret.value, { scopes: scopes.value, expiresAtMs, nowMs })
  const token = secret.value.token ?? signedToken(secret.value.signer!, record, api, nowMs)
  const written = await write(context, actor, {
    puts: [{ table: 'credential', record }],
    idempotency: idempotencyEntry(idempotent, 'credential', record.id, 200, nowMs),
    action: 'credential.issue',
    target: { table: 'credential', id: record.id },
    detail: {
      ...{ kind: record.kind, format: args.format, parent: record.parentId },
      ...(record.issuerToken !== null && { parent_jti: record.issuerToken.tokenId }),
      ...{ principal: record.principalId, grants: grantsForTrail(record.grants, [api]) },
      expires_at_ms: expiresAtMs,
    },
  })
  if (!written.ok) return written
  const expiresInSeconds = lifeLeft(record, nowMs)
  return done({ record, accessToken: token, expiresInSeconds }, written.position)
}

/** A route may accept what the API as a whole does not. */
function acceptsTokens({ accepts, routes }: ApiRecord): boolean {
  return [accepts, ...routes.map((route) => route.accepts ?? [])].some((kinds) =>
    kinds.includes('access_token'),
  )
}

/** Spelled out, scope by scope: what the API gets later, and a pattern would cover, nobody has asked for. */
function grantedScopes({ api, scopes }: Asker, asked: readonly string[] | null): Outcome<readonly string[]> {
  if (asked === null) return done(api.scopes.filter((scope) => anyCovers(scopes, scope)))
  const unknown = asked.flatMap((scope, index) =>
    anyCovers(api.scopes, scope)
      ? []
      : [
          {
            field: `scopes[${index}]`,
            detail: `is no scope of ${api.name}, which has ${api.scopes.join(', ')}`,
          },
        ],
  )
  return unknown.length > 0 ? invalid(...unknown) : done([...new Set(asked)])
}

/** In whole seconds, as a JWT says it, and at the first end that there is. */
function endOf({ credential, version, api }: Asker, expiresInSeconds: number, nowMs: number): number {
  const seconds = Math.min(expiresInSeconds, MAX_TOKEN_LIFE_SECONDS, api.maxLifetimeSeconds ?? Infinity)
  const ofVersion = credential.versions.find((one) => one.version === version)?.endsAtMs ?? null
  // The leeway that an issuer's clock is given is no life to hand on (RFC 8693: no longer than the subject's).
  const ofToken = credential.issuerToken?.expiresAtMs ?? null
  const ends = [credential.expiresAtMs, ofVersion, ofToken].filter((ms) => ms !== null)
  const firstMs = Math.min(wholeSecond(nowMs) + seconds * 1000, ...ends)
  return wholeSecond(firstMs)
}

function wholeSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}

/** Seconds, as they stand in the answer (RFC 6749 section 5.1). */
function lifeLeft({ expiresAtMs }: CredentialRecord, nowMs: number): number {
  return Math.max(0, Math.floor((expiresAtMs! - wholeSecond(nowMs)) / 1000))
}

/** What a token is proven by, and how it is found. */
interface TokenSecret {
  readonly id: string
  readonly keyPrefix: string
  readonly sealedDigest: string
  /** What is handed out; null: it is signed, once it is known what it says. */
  readonly token: string | null
  readonly signer: { readonly key: SigningKey; readonly issuer: string } | null
}

async function newSecret(
  context: Issuing,
  { api, credential: { workspaceId } }: Asker,
  format: TokenFormat,
): Promise<Outcome<TokenSecret>> {
  const id = generateId(context.randomBytes)
  if (format === 'jwt') {
    const issuer = context.verifier.ownTokens.issuerOf(workspaceId)
    if (issuer === null) {
      const detail = 'jwt needs an issuer to name: set CREDENCE_PUBLIC_URL, or ask for opaque'
      return invalid({ field: 'format', detail })
    }
    const key = context.publishedKeys.signer
    if (key === null) {
      return failed({
        code: 'CONFLICT',
        detail: 'the first signing key is being made: try again in a moment',
      })
    }
    // Its signature proves it, so there is nothing to keep that a secret could be compared with.
    return done({ id, keyPrefix: '', sealedDigest: '', token: null, signer: { key, issuer } })
  }
  const workspace = await context.lookup.get('workspace', workspaceId)
  if (workspace === undefined) return notFound('workspace', workspaceId)
  const keyPrefix = prefixOfKind('access_token', api.keyPrefix ?? workspace.keyPrefix)
  const { key: token, sealedDigest } = makeKey(
    context,
    { id, workspaceId, kind: 'access_token', keyPrefix },
    1,
  )
  return done({ id, keyPrefix, sealedDigest, token, signer: null })
}

function newToken(
  { credential, version, api }: Asker,
  { id, keyPrefix, sealedDigest }: TokenSecret,
  made: { readonly scopes: readonly string[]; readonly expiresAtMs: number; readonly nowMs: number },
): CredentialRecord {
  const { scopes, expiresAtMs, nowMs } = made
  // A token that was had for a token is its sister, not its child: both die with the credential they come from.
  const sister = credential.kind === 'access_token' ? credential : null
  return {
    ...{ id, workspaceId: credential.workspaceId, kind: 'access_token', keyPrefix },
    ...{ revision: 1, createdAtMs: nowMs, updatedAtMs: nowMs },
    ...{ principalId: credential.principalId, name: null },
    ...{ state: 'active', stateReason: null, stateChangedAtMs: null },
    ...{ notBeforeMs: null, expiresAtMs },
    grants: [{ apiId: api.id, scopes, roleIds: [] }],
    // Conditions and limits are those of the credential that it came from, as they are when it is used.
    ...{ conditions: null, limits: [], metadata: {}, tags: [] },
    versions: [{ version: 1, sealedDigest, createdAtMs: nowMs, endsAtMs: null, revokedAtMs: null }],
    issuedBy: credential.id,
    ...{ handle: null, binding: bindingFor(credential) },
    parentId: sister === null ? credential.id : sister.parentId,
    parentVersion: versionKept({ credential, version }),
    issuerToken: issuerTokenKept(credential, nowMs),
  }
}

/** An issuer's token has no versions of a secret. */
function versionKept({ credential, version }: Pick<Asker, 'credential' | 'version'>): number | null {
  if (credential.kind === 'jwt') return null
  return credential.kind === 'access_token' ? credential.parentVersion : version
}

/** Whatever its `iat` says by the leeway of a clock, it was there by now: what is revoked up to a later moment is all of these. */
function issuerTokenKept({ issuerToken }: CredentialRecord, nowMs: number): IssuerToken | null {
  if (issuerToken === null || issuerToken.issuedAtMs === null) return issuerToken
  return { ...issuerToken, issuedAtMs: Math.min(issuerToken.issuedAtMs, nowMs) }
}

/**
 * A token is bound as its credential is: that of a client certificate to the certificate (RFC 8705 section 3). A key that
 * signs assertions signs no requests, so its tokens are bearer tokens, as of any private_key_jwt client.
 */
function bindingFor({ kind, binding }: CredentialRecord): Binding | null {
  return kind === 'client_key' && binding?.type === 'signature' ? null : binding
}

/**
 * A JWT of RFC 9068 section 2.2. Its subject and client is the principal, by id: names and metadata stay here, where
 * whoever may see them can ask for them.
 */
export function signedToken(
  { key, issuer }: NonNullable<TokenSecret['signer']>,
  { id, principalId, grants, expiresAtMs, binding }: CredentialRecord,
  { audience }: ApiRecord,
  nowMs: number,
): string {
  const { scopes } = grants[0]!
  return signJwt(key, ACCESS_TOKEN_TYPE, {
    ...{ iss: issuer, aud: audience, sub: principalId, client_id: principalId, jti: id },
    ...{ iat: Math.floor(nowMs / 1000), exp: expiresAtMs! / 1000 },
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(binding !== null && { cnf: confirmationOf(binding) }),
  })
}
