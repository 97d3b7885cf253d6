import { performance } from 'node:perf_hooks'
import { openSigningKey, type SigningKeyRecord, sealSigningKey } from '@credence/core'
import type { Config } from '../config.ts'
import type { Context } from '../context.ts'
import {
  dueStep,
  type KeySchedule,
  type KeySet,
  keySetOf,
  signsFromMs,
  TRUSTED_AFTER_MS,
} from '../signing/key-schedule.ts'
import { type MakingKeys, newSigningKey } from '../signing/new-signing-key.ts'
import { listSigningKeys } from '../signing/published-keys.ts'
import type { Put, Store, Write } from '../store/port.ts'
import { type Propagation, propagated } from './credential-states.ts'
import { type Actor, done, failed, type Outcome } from './operation.ts'
import { write } from './write.ts'

/** Setting of the store: that its first keys were made. That it is unique makes that happen once. */
const FIRST_KEYS_SETTING = 'first_signing_key'

type Host = MakingKeys & {
  readonly store: Pick<Store, 'list' | 'commit' | 'readSetting'>
  readonly config: Pick<
    Config,
    'publicUrl' | 'signingAlgorithm' | 'signingKeyRotationSeconds' | 'signingKeyAheadSeconds'
  >
  readonly clock: () => number
}

/** What is written of keys, and what the trail says of it. */
interface KeyChange {
  readonly puts: readonly Put[]
  readonly deletes: Write['deletes']
  readonly settings: Write['settings']
  readonly action: string
  readonly targetId: string
  readonly detail: Readonly<Record<string, unknown>>
}

export function scheduleOf(config: Host['config']): KeySchedule {
  return {
    rotationMs: config.signingKeyRotationSeconds * 1000,
    publishedAheadMs: config.signingKeyAheadSeconds * 1000,
  }
}

/**
 * Does what the schedule asks for: makes the first keys, rotates, forgets keys of which nothing counts any more. The
 * leader calls it; of several at once one writes. Without a public URL no token can name its issuer, so none is signed.
 */
export async function keepSigningKeys(host: Host): Promise<void> {
  const { store, clock, config } = host
  if (config.publicUrl === null) return
  // Read first: whoever made them in between is found in the list, or met as a conflict.
  const wereMade = (await store.readSetting(FIRST_KEYS_SETTING)) !== undefined
  const set = keySetOf(await listSigningKeys(store), clock())
  const change = await dueChange(host, set, wereMade)
  if (change !== null) await commitAsHost(host, change)
  if (set.gone.length === 0) return
  const { id } = set.gone[0]!
  await commitAsHost(host, {
    ...{ puts: [], settings: [], action: 'signing_key.forget', targetId: id },
    deletes: set.gone.map(({ id, revision }) => ({ table: 'signing_key', id, revision })),
    detail: { keys: set.gone.map(({ id }) => id) },
  })
}

async function dueChange(host: Host, set: KeySet, wereMade: boolean): Promise<KeyChange | null> {
  const { clock, config } = host
  const nowMs = clock()
  switch (dueStep(set, config.signingAlgorithm, scheduleOf(config), nowMs)) {
    case null:
      return null
    case 'make':
      return missingKeys(host, set, wereMade, nowMs)
    case 'replace_next': {
      const record = await newSigningKey(host, config.signingAlgorithm, 'next', nowMs)
      const { id, revision } = set.next!
      return {
        ...{ puts: [{ table: 'signing_key', record }], settings: [], detail: { replaces: id } },
        deletes: [{ table: 'signing_key', id, revision }],
        ...{ action: 'signing_key.create', targetId: record.id },
      }
    }
    case 'rotate':
      return rotation(host, set, 'retire', nowMs)
  }
}

/** The first key signs at once: nobody can know an older set that lacks it. */
async function missingKeys(
  host: Host,
  { current }: KeySet,
  wereMade: boolean,
  nowMs: number,
): Promise<KeyChange> {
  const { signingAlgorithm: algorithm } = host.config
  const next = await newSigningKey(host, algorithm, 'next', nowMs)
  const made = current === null ? [await newSigningKey(host, algorithm, 'current', nowMs), next] : [next]
  const { id } = made[0]!
  return {
    puts: made.map((record) => ({ table: 'signing_key', record })),
    deletes: [],
    settings: current === null && !wereMade ? [{ name: FIRST_KEYS_SETTING, value: id }] : [],
    ...{ action: 'signing_key.create', targetId: id, detail: { keys: made.map((key) => key.id) } },
  }
}

/** The next key signs from now on, and there is a new next one. */
async function rotation(
  host: Host,
  { current, next }: KeySet,
  ends: 'retire' | 'revoke',
  nowMs: number,
): Promise<KeyChange> {
  const before = current!
  const after = asOf({ ...next!, state: 'current' }, nowMs)
  const following = await newSigningKey(host, host.config.signingAlgorithm, 'next', nowMs)
  const ended = ends === 'retire' ? retired(host, before, nowMs) : revoked(before, nowMs)
  return {
    puts: [ended, after, following].map((record) => ({ table: 'signing_key', record })),
    ...{ deletes: [], settings: [] },
    ...{ action: 'signing_key.rotate', targetId: after.id },
    detail: { [ended.state]: before.id, next: following.id },
  }
}

function asOf(changed: SigningKeyRecord, nowMs: number): SigningKeyRecord {
  return { ...changed, revision: changed.revision + 1, updatedAtMs: nowMs, stateChangedAtMs: nowMs }
}

/** From here on the private key is needed by nobody, so nobody can take it. */
function retired(
  { sealingKeys, randomBytes }: MakingKeys,
  before: SigningKeyRecord,
  nowMs: number,
): SigningKeyRecord {
  const key = openSigningKey(before, sealingKeys)
  if (key === null) return revoked(before, nowMs)
  const { publicJwk: jwk, algorithm } = key
  const sealedKey = sealSigningKey(before, { jwk, algorithm }, sealingKeys, randomBytes)
  return asOf({ ...before, state: 'retired', sealedKey, trustedUntilMs: nowMs + TRUSTED_AFTER_MS }, nowMs)
}

function revoked(before: SigningKeyRecord, nowMs: number): SigningKeyRecord {
  return asOf({ ...before, state: 'revoked', sealedKey: '', trustedUntilMs: null }, nowMs)
}

/** Whoever else was first has done it: what is still to do then is done next time. */
async function commitAsHost(host: Host, change: KeyChange): Promise<void> {
  const { puts, deletes, settings, action, targetId, detail } = change
  await host.store.commit({
    ...{ workspaceId: host.defaultWorkspaceId, puts, deletes, settings, expects: [], idempotency: null },
    audit: {
      ...{ atMs: host.clock(), action, targetTable: 'signing_key', targetId, detail },
      ...{ actorCredentialId: null, actorPrincipalId: null, requestId: null, ip: null },
    },
  })
}

/** Keys as administration sees them. */
export interface SigningKeyView {
  readonly record: SigningKeyRecord
  /** Of the next key: when it may sign at the earliest. */
  readonly signsFromMs: number | null
}

export async function showSigningKeys(
  context: Context,
  actor: Actor,
): Promise<Outcome<readonly SigningKeyView[]>> {
  const refusal = ownerOnly(context, actor)
  if (refusal !== null) return refusal
  return done(viewsOf(context, await listSigningKeys(context.store)))
}

function viewsOf({ config }: Context, keys: readonly SigningKeyRecord[]): readonly SigningKeyView[] {
  const schedule = scheduleOf(config)
  return keys.map((record) => ({
    record,
    signsFromMs: record.state === 'next' ? signsFromMs(record, schedule) : null,
  }))
}

export interface RotatedKeys {
  readonly keys: readonly SigningKeyView[]
  readonly propagation: Propagation
}

/**
 * Rotates before it is due. The next key may sign only when everybody who keeps our key set has it; `now` does not wait
 * for that, and the key that signed until now is revoked: what it signed counts no more, on any node, once this is
 * answered.
 */
export async function rotateSigningKeys(
  context: Context,
  actor: Actor,
  { now }: { readonly now: boolean },
): Promise<Outcome<RotatedKeys>> {
  const refusal = ownerOnly(context, actor)
  if (refusal !== null) return refusal
  const nowMs = context.clock()
  const set = keySetOf(await listSigningKeys(context.store), nowMs)
  if (set.current === null || set.next === null) {
    const detail = 'there are no signing keys: they are made once CREDENCE_PUBLIC_URL is set'
    return failed({ code: 'CONFLICT', detail })
  }
  const earliestMs = signsFromMs(set.next, scheduleOf(context.config))
  if (!now && nowMs < earliestMs) {
    const from = new Date(earliestMs).toISOString()
    const detail = `the next key signs from ${from} on, when everybody knows it; after a compromise, ask with now: true`
    return failed({ code: 'CONFLICT', detail })
  }
  const startedMs = performance.now()
  const { targetId, ...change } = await rotation(context, set, now ? 'revoke' : 'retire', nowMs)
  const written = await write(context, actor, { ...change, target: { table: 'signing_key', id: targetId } })
  if (!written.ok) return written
  const propagation = await propagated(context, written.value.position, startedMs)
  const keys = viewsOf(context, await listSigningKeys(context.store))
  return done({ keys, propagation }, written.position)
}

/** The keys are the installation's: whoever has another workspace has no say in them. */
function ownerOnly({ defaultWorkspaceId }: Context, actor: Actor): ReturnType<typeof failed> | null {
  if (actor.workspaceId === defaultWorkspaceId) return null
  const detail =
    'the signing keys are those of the installation: only credentials of the workspace default see and rotate them'
  return failed({ code: 'INSUFFICIENT_SCOPE', detail })
}
