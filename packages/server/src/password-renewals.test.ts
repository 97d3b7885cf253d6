import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { type Argon2id, digestPassword, openDigest, sealDigest } from '@credence/core'
import { quickArgon2id } from '@credence/core/testing/installed-passwords'
import { pino } from 'pino'
import { oneAtATime } from './one-at-a-time.ts'
import { renewPassword } from './operations/renew-password.ts'
import { passwordRenewals } from './password-renewals.ts'
import { eventually } from './testing/eventually.ts'
import { protectApi, putRecords } from './testing/protected-api.ts'
import { createTestContext } from './testing/test-context.ts'

const PASSWORD = 'hurdle vex quib gnaw'
const ID = 'annannannann'

async function setUp() {
  const { context: whole, close } = await createTestContext({ config: { leaseMs: 600_000 } })
  const state = { hashes: 0, gate: Promise.resolve(), fails: false }
  const argon2id: Argon2id = async (...given) => {
    state.hashes += 1
    await state.gate
    if (state.fails) throw new Error(`no memory for ${PASSWORD.length} characters`)
    return quickArgon2id(...given)
  }
  const context = { ...whole, argon2id }
  const { credential: key } = await protectApi(whole)
  const { randomBytes, sealingKeys } = context
  const place = { workspaceId: key.workspaceId, kind: 'basic', credentialId: ID } as const
  const sealed = async (version: number) => {
    const digest = await digestPassword(PASSWORD, null, randomBytes, quickArgon2id)
    const sealedDigest = sealDigest(digest, { ...place, version }, sealingKeys, randomBytes)
    return { version, sealedDigest, createdAtMs: 0, endsAtMs: null, revokedAtMs: null }
  }
  const bare = { ...key, id: ID, kind: 'basic', keyPrefix: '', handle: 'ann' } as const
  const credential = { ...bare, versions: [await sealed(1)] }
  await putRecords(whole, [{ table: 'credential', record: credential }])
  const stored = async () => (await context.store.read('credential', ID))!
  return { context, state, credential, sealed, stored, place, close }
}

test('a digest is made anew under another nonce, and its password is the same; the host did it', async () => {
  const { context, credential, stored, place, close } = await setUp()
  const outcome = await renewPassword(context, { credential, version: 1, password: PASSWORD })
  assert.ok(outcome.ok && outcome.value !== null)
  const [before, after] = [credential, await stored()].map(({ versions }) =>
    openDigest(versions[0]!.sealedDigest, { ...place, version: 1 }, context.sealingKeys)!.toString(),
  )
  assert.notEqual(after, before)
  const entries = await context.store.listAudit(place.workspaceId, { limit: 1, before: null })
  const [entry] = entries
  assert.deepEqual([entry?.action, entry?.actorCredentialId], ['credential.renew_digest', null])
  await close()
})

test('nothing is written where the digest is another by now, or the credential is revoked or gone', async () => {
  const { context, credential, sealed, stored, close } = await setUp()
  const args = { credential, version: 1, password: PASSWORD }
  for (const change of [{ versions: [await sealed(1)] }, { state: 'revoked' as const }]) {
    const record = { ...credential, ...change, revision: (await stored()).revision + 1 }
    await putRecords(context, [{ table: 'credential', record }])
    const outcome = await renewPassword(context, args)
    assert.deepEqual(outcome.ok && outcome.value, null)
    assert.deepEqual(await stored(), record)
  }
  const nobodys = { ...args, credential: { ...credential, id: 'zzzzzzzzzzzz' } }
  assert.deepEqual((await renewPassword(context, nobodys)).ok, true)
  await close()
})

test('nothing is written while another version works as well, whose password is not known', async () => {
  const { context, credential, sealed, stored, close } = await setUp()
  const versions = [{ ...credential.versions[0]!, endsAtMs: context.clock() + 60_000 }, await sealed(2)]
  const record = { ...credential, versions, revision: 2 }
  await putRecords(context, [{ table: 'credential', record }])
  for (const version of [1, 2]) {
    const outcome = await renewPassword(context, { credential: record, version, password: PASSWORD })
    assert.deepEqual(outcome.ok && outcome.value, null)
  }
  assert.deepEqual(await stored(), record)
  await close()
})

test('somebody who changes it in between is not overwritten', async () => {
  const { context, credential, sealed, stored, state, close } = await setUp()
  const gate = Promise.withResolvers<void>()
  state.gate = gate.promise
  const renewing = renewPassword(context, { credential, version: 1, password: PASSWORD })
  await eventually('it hashes', () => state.hashes > 0)
  const record = { ...credential, versions: [await sealed(1)], revision: 2 }
  await putRecords(context, [{ table: 'credential', record }])
  gate.resolve()
  const outcome = await renewing
  assert.equal(outcome.ok, false)
  assert.deepEqual(await stored(), record)
  await close()
})

test('one at a time is renewed in the background, and a failure is only logged, without the password', async () => {
  const { context, credential, stored, state, close } = await setUp()
  const lines: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const renew = passwordRenewals(() => context, pino({ level: 'info' }, stream))
  const gate = Promise.withResolvers<void>()
  state.gate = gate.promise
  state.fails = true
  for (let times = 0; times < 5; times += 1) renew(credential, 1, PASSWORD)
  await eventually('it hashes', () => state.hashes > 0)
  gate.resolve()
  await eventually('it is logged', () => lines.length > 0)
  assert.equal(state.hashes, 1)
  assert.equal((await stored()).revision, 1)
  assert.match(lines.join(''), /could not be renewed/)
  state.fails = false
  renew(credential, 1, PASSWORD)
  await eventually('it is renewed', async () => (await stored()).revision === 2)
  assert.ok(!lines.join('').includes(PASSWORD))
  await close()
})

test('hashes that nobody waits for are computed one at a time, in their order, also after one failed', async () => {
  let running = 0
  let most = 0
  const order: number[] = []
  const slowly = oneAtATime(async (message) => {
    running += 1
    most = Math.max(most, running)
    await new Promise((resolve) => setImmediate(resolve))
    running -= 1
    order.push(message[0]!)
    if (message[0] === 1) throw new Error('out of memory')
    return message
  })
  const cost = { memoryKib: 8, passes: 1, parallelism: 1 }
  const all = [0, 1, 2, 3].map((n) => slowly(Uint8Array.of(n), new Uint8Array(), cost, 32))
  const settled = await Promise.allSettled(all)
  assert.deepEqual([most, order], [1, [0, 1, 2, 3]])
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
})
