import assert from 'node:assert/strict'
import { argon2Sync, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import {
  type Argon2Cost,
  type Argon2id,
  CURRENT_COST,
  decoyDigest,
  digestPassword,
  matchingDigest,
  needsUpgrade,
  nodeArgon2id,
} from './password-digest.ts'
import { openDigest, type SealingKeys, sealDigest } from './seal.ts'

const SMALL: Argon2Cost = { memoryKib: 64, passes: 1, parallelism: 1 }
const PASSWORD = 'hurdle vex quib gnaw'

/** argon2id with a note of each call. */
function noted(): { argon2id: Argon2id; calls: Argon2Cost[] } {
  const calls: Argon2Cost[] = []
  const argon2id: Argon2id = (message, nonce, cost, tagBytes) => {
    calls.push(cost)
    return nodeArgon2id(message, nonce, cost, tagBytes)
  }
  return { argon2id, calls }
}

/** A digest at little cost. */
async function small(password = PASSWORD, cost = SMALL): Promise<Buffer> {
  const nonce = randomBytes(16)
  const tag = await nodeArgon2id(Buffer.from(password), nonce, cost, 32)
  const [nonceText, tagText] = [nonce, tag].map((one) =>
    Buffer.from(one).toString('base64').replace(/=+$/, ''),
  )
  const { memoryKib, passes, parallelism } = cost
  return phc(`m=${memoryKib},t=${passes},p=${parallelism}`, nonceText, tagText)
}

async function isPasswordOf(digest: Uint8Array, password: string, argon2id = nodeArgon2id): Promise<boolean> {
  return (await matchingDigest([digest], password, argon2id)) === 0
}

function phc(cost: string, nonce = 'A'.repeat(22), tag = 'B'.repeat(43)): Buffer {
  return Buffer.from(`$argon2id$v=19$${cost}$${nonce}$${tag}`)
}

describe('argon2id', () => {
  test('is that of RFC 9106 section 5.3', () => {
    const tag = argon2Sync('argon2id', {
      message: Buffer.alloc(32, 0x01),
      nonce: Buffer.alloc(16, 0x02),
      secret: Buffer.alloc(8, 0x03),
      associatedData: Buffer.alloc(12, 0x04),
      parallelism: 4,
      tagLength: 32,
      memory: 32,
      passes: 3,
    })
    assert.equal(tag.toString('hex'), '0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659')
  })

  test('is reached through our own seam with every parameter in its place', async () => {
    const nonce = Buffer.from('somesalt')
    // The reference implementation's own test of version 0x13 (phc-winner-argon2, src/test.c).
    const cost: Argon2Cost = { memoryKib: 256, passes: 2, parallelism: 2 }
    const tag = await nodeArgon2id(Buffer.from('password'), nonce, cost, 32)
    assert.equal(
      Buffer.from(tag).toString('hex'),
      '6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037',
    )
  })

  test('leaves the event loop free: others run while it computes', async () => {
    let isDone = false
    let turns = 0
    const computing = nodeArgon2id(Buffer.from('a'), randomBytes(16), CURRENT_COST, 32).then(() => {
      isDone = true
    })
    while (!isDone) {
      turns += 1
      await new Promise((resolve) => setImmediate(resolve))
    }
    await computing
    assert.ok(turns > 10, `${turns} turns`)
  })
})

describe('the digest of a password', () => {
  test('says at which cost it was made, by today’s advice', async () => {
    const digest = await digestPassword(PASSWORD, null, randomBytes, nodeArgon2id)
    assert.match(
      digest.toString(),
      /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/,
    )
    assert.ok(await isPasswordOf(digest, PASSWORD))
  })

  test('is of that password and of no other', async () => {
    const digest = await small()
    assert.ok(await isPasswordOf(digest, PASSWORD))
    for (const other of [
      '',
      'hurdle vex quib gna',
      'Hurdle vex quib gnaw',
      `${PASSWORD} `,
      `${PASSWORD}\0`,
    ]) {
      assert.ok(!(await isPasswordOf(digest, other)), other)
    }
  })

  test('has a nonce of its own: the same password never gives the same digest', async () => {
    const free: Argon2id = async (message, nonce) => Buffer.concat([message, nonce]).subarray(-32)
    const digests = new Set<string>()
    for (let index = 0; index < 100; index += 1) {
      digests.add((await digestPassword(PASSWORD, null, randomBytes, free)).toString())
    }
    assert.equal(digests.size, 100)
  })

  test('shares the nonce of its sibling, so that one hash compares a password with both versions', async () => {
    const { argon2id, calls } = noted()
    const first = await digestPassword('tundra lobster quill', null, randomBytes, argon2id)
    const second = await digestPassword(PASSWORD, first, randomBytes, argon2id)
    calls.length = 0
    assert.equal(await matchingDigest([first, second], PASSWORD, argon2id), 1)
    assert.equal(await matchingDigest([second, first], PASSWORD, argon2id), 0)
    assert.equal(await matchingDigest([first, second], 'hurdle vex', argon2id), null)
    assert.equal(calls.length, 3)
  })

  test('takes over no cost that is of old, and then each is compared at its own', async () => {
    const { argon2id, calls } = noted()
    const old = await small('tundra lobster quill')
    const digest = await digestPassword(PASSWORD, old, randomBytes, argon2id)
    assert.ok(!needsUpgrade(digest))
    assert.equal(await matchingDigest([old, digest], PASSWORD, argon2id), 1)
    assert.equal(await matchingDigest([old, digest], 'tundra lobster quill', argon2id), 0)
    assert.deepEqual(
      calls.slice(1),
      [SMALL, CURRENT_COST, SMALL, CURRENT_COST],
      'all, whether one matched before',
    )
  })

  test('is checked at the cost it was made at, whatever today’s is', async () => {
    const { argon2id, calls } = noted()
    const cost = { memoryKib: 128, passes: 3, parallelism: 2 }
    assert.ok(await isPasswordOf(await small(PASSWORD, cost), PASSWORD, argon2id))
    assert.deepEqual(calls, [cost])
  })

  test('is sealed as every digest is, and opens for nobody else', async () => {
    const key = randomBytes(32)
    const keys: SealingKeys = { currentId: 'k1', key: () => key }
    const context = { workspaceId: 'ws', kind: 'basic', credentialId: 'c', version: 1 } as const
    const digest = await small()
    const sealed = sealDigest(digest, context, keys, randomBytes)
    assert.ok(!Buffer.from(sealed.slice(3), 'base64url').includes('argon2'))
    const opened = openDigest(sealed, context, keys)
    assert.ok(opened !== null && (await isPasswordOf(opened, PASSWORD)))
    assert.equal(openDigest(sealed, { ...context, credentialId: 'd' }, keys), null)
  })

  test('that cannot be read is nobody’s, and takes the same hash as one that can', async () => {
    const zeroTag = await nodeArgon2id(Buffer.from(PASSWORD), Buffer.alloc(16), SMALL, 32)
    const unreadable = [
      Buffer.alloc(0),
      Buffer.from(zeroTag),
      phc('m=0,t=1,p=1'),
      phc('m=64,t=0,p=1'),
      phc('m=31,t=1,p=4'),
      phc('m=99999999,t=1,p=1'),
      phc('m=64,t=1,p=1', 'A'.repeat(22), ''),
      Buffer.from(phc('m=64,t=1,p=1').toString().replace('argon2id', 'argon2i')),
      Buffer.from(`${phc('m=64,t=1,p=1')}\n`),
    ]
    for (const digest of unreadable) {
      const { argon2id, calls } = noted()
      assert.ok(!(await isPasswordOf(digest, PASSWORD, argon2id)))
      assert.deepEqual(calls, [CURRENT_COST], digest.toString('latin1'))
      assert.ok(needsUpgrade(digest))
    }
    const always: Argon2id = async (_message, _nonce, _cost, tagBytes) => Buffer.alloc(tagBytes)
    assert.ok(!(await isPasswordOf(Buffer.alloc(0), PASSWORD, always)), 'not even where the tags are equal')
  })

  test('needs an upgrade where it was made at less than today’s cost, and never a downgrade', () => {
    const { memoryKib, passes } = CURRENT_COST
    assert.ok(!needsUpgrade(phc(`m=${memoryKib},t=${passes},p=1`)))
    assert.ok(!needsUpgrade(phc('m=47104,t=1,p=1')))
    assert.ok(!needsUpgrade(phc(`m=${memoryKib},t=${passes + 1},p=4`)))
    assert.ok(needsUpgrade(phc(`m=${memoryKib},t=${passes - 1},p=1`)))
    assert.ok(needsUpgrade(phc(`m=${memoryKib - 1},t=${passes},p=1`)))
    assert.ok(needsUpgrade(phc(`m=${memoryKib},t=${passes},p=1`, undefined, 'B'.repeat(22))))
  })
})

describe('the decoy', () => {
  test('costs one hash of today’s cost, as a digest of today does, and no password is its own', async () => {
    const decoy = decoyDigest(randomBytes)
    const real = await digestPassword(PASSWORD, null, randomBytes, nodeArgon2id)
    assert.equal(decoy.length, real.length)
    for (const digest of [decoy, real]) {
      const { argon2id, calls } = noted()
      assert.ok(!(await isPasswordOf(digest, 'tundra lobster quill', argon2id)))
      assert.deepEqual(calls, [CURRENT_COST])
    }
    assert.ok(!needsUpgrade(decoy))
    assert.notDeepEqual(decoyDigest(randomBytes), decoy)
  })
})
