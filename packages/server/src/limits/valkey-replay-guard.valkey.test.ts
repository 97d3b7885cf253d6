import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { ReplayUnavailable } from '@credence/core'
import {
  GUARD_CHECKS,
  type OpenedGuard,
  replayGuardContract,
} from '@credence/core/testing/replay-guard-contract'
import { type RedisServer, startRedis } from '../testing/redis-fixture.ts'
import { openConnection } from './testing/connection.ts'
import type { ValkeyConnection } from './valkey-connection.ts'
import { ValkeyReplayGuard } from './valkey-replay-guard.ts'
import type { ValkeyScript } from './valkey-script.ts'

let installations = 0

/** Two nodes of a new installation; `change` makes another script of theirs. */
async function openGuards(
  redis: RedisServer,
  change: (script: ValkeyScript) => ValkeyScript = (script) => script,
): Promise<[ValkeyReplayGuard, ValkeyReplayGuard]> {
  const installationId = `ws_${installations++}`
  const openGuard = async () => {
    const { connection } = await openConnection(redis)
    const run: ValkeyConnection['run'] = (script, ...rest) => connection.run(change(script), ...rest)
    return new ValkeyReplayGuard({ connection: { run }, installationId, clock: Date.now })
  }
  const guards: [ValkeyReplayGuard, ValkeyReplayGuard] = [await openGuard(), await openGuard()]
  await guards[0].begin()
  return guards
}

/** Until both can ask again. */
async function found(guards: readonly ValkeyReplayGuard[]): Promise<void> {
  const deadlineMs = Date.now() + 10_000
  for (const guard of guards) {
    for (;;) {
      try {
        await guard.begin()
        break
      } catch (error) {
        if (Date.now() > deadlineMs) throw error
        await delay(20)
      }
    }
  }
}

/** Until the clock shows so much more: what is issued and what is counted must not fall into one millisecond. */
async function pass(ms: number): Promise<void> {
  const untilMs = Date.now() + ms
  while (Date.now() <= untilMs) await delay(1)
}

async function open(
  redis: RedisServer,
  lose: (guards: readonly ValkeyReplayGuard[]) => Promise<void>,
  change?: (script: ValkeyScript) => ValkeyScript,
): Promise<OpenedGuard> {
  const guards = await openGuards(redis, change)
  return { guards, clock: Date.now, pass, lose: () => lose(guards), close: async () => {} }
}

const redis = await startRedis()
replayGuardContract('valkey, that is flushed', () =>
  open(redis, async () => {
    assert.equal(await redis.command('FLUSHALL'), '+OK\r\n')
  }),
)
replayGuardContract('valkey, that is killed and keeps nothing', () =>
  open(redis, async (guards) => {
    await redis.restart()
    await found(guards)
  }),
)

const snapshots = await startRedis(['--dbfilename', 'dump.rdb'])
async function openSnapshot(change: (script: ValkeyScript) => ValkeyScript): Promise<OpenedGuard> {
  const opened = await open(
    snapshots,
    async (guards) => {
      await snapshots.restart()
      assert.match(await snapshots.command('KEYS *:memory'), /^\*[1-9]/, 'the marker has survived')
      await found(guards)
    },
    change,
  )
  assert.equal(await snapshots.command('SAVE'), '+OK\r\n')
  return opened
}
replayGuardContract('valkey, that is killed and comes back with what it had before the redemptions', () =>
  openSnapshot((script) => script),
)

test('the contract notices a guard that trusts a marker which survived a restart', async () => {
  const opened = await openSnapshot(({ text }) => {
    const trusting = text.replace('if marked_run == run then', 'if marked_run then')
    assert.notEqual(trusting, text)
    return { text: trusting, sha1: createHash('sha1').update(trusting).digest('hex') }
  })
  const check = GUARD_CHECKS.find(({ name }) => /before the memory was lost/.test(name))!
  await assert.rejects(check.run(opened), assert.AssertionError)
})

describe('redemptions in Valkey', () => {
  test('expire by themselves, five minutes after they were to be kept, and their names tell no id', async () => {
    const [guard] = await openGuards(redis)
    await redis.command('FLUSHALL')
    await guard.begin()
    await pass(5)
    assert.equal(await guard.redeem('dpop', 'jti-of-somebody', Date.now(), Date.now() + 1000), 'first')
    const keys = (await redis.command('KEYS *')).split('\r\n').filter((line) => line.startsWith('credence'))
    assert.equal(keys.length, 2)
    const [marker, redemption] = keys.toSorted(
      (a, b) => Number(b.endsWith(':memory')) - Number(a.endsWith(':memory')),
    )
    assert.match(redemption!, /^credence:\{ws_\d+\}:replay:[A-Za-z0-9_-]{43}$/)
    assert.equal(await redis.command(`PTTL ${marker}`), ':-1\r\n')
    const leftMs = Number((await redis.command(`PTTL ${redemption}`)).slice(1))
    assert.ok(leftMs > 290_000 && leftMs <= 301_000, `${leftMs}`)
  })

  test('of another installation have nothing to do with these', async () => {
    const [[one], [other]] = [await openGuards(redis), await openGuards(redis)]
    await pass(5)
    const issuedAtMs = Date.now()
    for (const guard of [one, other]) {
      assert.equal(await guard.redeem('s', 'same', issuedAtMs, issuedAtMs + 10_000), 'first')
    }
  })

  test('cannot be made while the server is away, or has no room', async () => {
    const full = await startRedis(['--maxmemory-policy', 'noeviction'])
    const [guard] = await openGuards(full)
    await pass(5)
    const redeem = () => guard.redeem('s', 'x', Date.now(), Date.now() + 10_000)
    await full.command('CONFIG SET maxmemory 1')
    await assert.rejects(redeem(), ReplayUnavailable)
    await full.command('CONFIG SET maxmemory 0')
    assert.equal(await redeem(), 'first')
    await full.kill()
    await assert.rejects(redeem(), ReplayUnavailable)
  })

  test("of a node whose clock is far from the server's are as good as any", async () => {
    const { connection } = await openConnection(redis)
    for (const skewMs of [-3_600_000, 3_600_000]) {
      const clock = () => Date.now() + skewMs
      const guard = new ValkeyReplayGuard({ connection, installationId: `ws_${installations++}`, clock })
      await guard.begin()
      await pass(5)
      const issuedAtMs = clock()
      assert.equal(await guard.redeem('s', 'x', issuedAtMs, issuedAtMs + 10_000), 'first')
      assert.equal(await guard.redeem('s', 'y', issuedAtMs - 10_000, issuedAtMs + 10_000), 'too_old')
    }
  })
})
