import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import {
  accessProblem,
  createKeyring,
  Keyring,
  type KeyringResult,
  loadKeyring,
  openKeyring,
  showFingerprint,
} from './keyring.ts'

const NOW_MS = Date.UTC(2026, 10, 24)

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'credence-keyring-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

function opened(result: KeyringResult): Keyring {
  assert.ok(result.ok, result.ok ? '' : result.problem)
  return result.keyring
}

function problem(result: KeyringResult): string {
  assert.ok(!result.ok, 'the keyring was accepted')
  return result.problem
}

function open(path: string, mayCreate: boolean, fingerprintInStore: string | null): KeyringResult {
  return openKeyring({ path, mayCreate, fingerprintInStore, randomBytes, nowMs: NOW_MS })
}

test('a keyring is made with mode 0600, whole, and leaves nothing else behind', (t) => {
  const path = join(folder(t), 'data', 'keyring.json')
  const result = open(path, true, null)
  assert.ok(result.ok && result.created)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(join(path, '..')), ['keyring.json'])
  const file = JSON.parse(readFileSync(path, 'utf8'))
  assert.deepEqual([file.format, file.current, file.keys[0].id], [1, 'k1', 'k1'])
  assert.equal(file.keys[0].created_at, '2026-11-24T00:00:00.000Z')
  assert.equal(Buffer.from(file.keys[0].material, 'base64url').length, 32)
})

test('the same file gives the same keys and the same fingerprint, another file others', (t) => {
  const path = join(folder(t), 'keyring.json')
  const made = opened(createKeyring(path, randomBytes, NOW_MS))
  const again = opened(open(path, false, made.fingerprint))
  assert.deepEqual(again.sealingKey('k1'), made.sealingKey('k1'))
  assert.equal(again.fingerprint, made.fingerprint)
  const other = opened(createKeyring(join(folder(t), 'keyring.json'), randomBytes, NOW_MS))
  assert.notDeepEqual(other.sealingKey('k1'), made.sealingKey('k1'))
  assert.notEqual(other.fingerprint, made.fingerprint)
})

test('a keyring other than the store’s is refused, and both are named', (t) => {
  const path = join(folder(t), 'keyring.json')
  const mine = opened(open(path, true, null))
  const theirs = new Keyring([['k1', randomBytes(32)]], 'k1')
  const text = problem(open(path, true, theirs.fingerprint))
  assert.ok(text.includes(showFingerprint(mine.fingerprint)))
  assert.ok(text.includes(showFingerprint(theirs.fingerprint)))
})

test('a missing keyring is not made where the store already belongs to one', (t) => {
  const path = join(folder(t), 'keyring.json')
  const fingerprint = 'a1b2c3d4e5f60718'.padEnd(64, '0')
  assert.match(problem(open(path, true, fingerprint)), /belongs to keyring a1b2-c3d4-e5f6-0718; restore it/)
  assert.match(problem(open(path, false, null)), /is missing/)
  assert.throws(() => statSync(path), /ENOENT/)
})

test('a keyring that others than its owner may touch is refused, with the remedy', (t) => {
  const path = join(folder(t), 'keyring.json')
  createKeyring(path, randomBytes, NOW_MS)
  for (const mode of [0o640, 0o604, 0o620, 0o601, 0o644]) {
    chmodSync(path, mode)
    assert.match(problem(loadKeyring(path)), new RegExp(`mode 0${mode.toString(8)}.*chmod 600`))
  }
  for (const mode of [0o600, 0o400]) {
    chmodSync(path, mode)
    opened(loadKeyring(path))
  }
})

test('a link is judged by the file it leads to', (t) => {
  const path = join(folder(t), 'keyring.json')
  createKeyring(path, randomBytes, NOW_MS)
  const link = join(folder(t), 'link.json')
  symlinkSync(path, link)
  opened(loadKeyring(link))
  chmodSync(path, 0o644)
  assert.match(problem(loadKeyring(link)), /mode 0644/)
})

test('making a keyring never replaces one that is there', (t) => {
  const path = join(folder(t), 'keyring.json')
  const first = opened(createKeyring(path, randomBytes, NOW_MS))
  const second = createKeyring(path, randomBytes, NOW_MS)
  assert.ok(second.ok && !second.created)
  assert.equal(second.keyring.fingerprint, first.fingerprint)
  assert.deepEqual(readdirSync(join(path, '..')), ['keyring.json'])
})

test('a damaged keyring is refused in words that do not quote it', (t) => {
  const path = join(folder(t), 'keyring.json')
  const material = randomBytes(32).toString('base64url')
  const key = { id: 'k1', created_at: '2026-11-24T00:00:00Z', material }
  const damaged: [unknown, RegExp][] = [
    [`{"format":1,"keys":[{"id":"k1","material":"${material}`, /not JSON/],
    [[], /not a JSON object/],
    [{ format: 2, keys: [key], current: 'k1' }, /a format that this release does not know/],
    [{ format: 1, keys: [], current: 'k1' }, /no keys/],
    [{ format: 1, keys: [key, key], current: 'k1' }, /key number 2 has no id of its own/],
    [{ format: 1, keys: [{ ...key, id: '../k' }], current: '../k' }, /key number 1/],
    [{ format: 1, keys: [{ ...key, material: material.slice(1) }], current: 'k1' }, /not 32 bytes/],
    [{ format: 1, keys: [{ ...key, material: ` ${material}` }], current: 'k1' }, /not 32 bytes/],
    [{ format: 1, keys: [key], current: 'k2' }, /none of its keys/],
    [{ format: 1, keys: [null], current: 'k1' }, /key number 1/],
  ]
  for (const [file, expected] of damaged) {
    writeFileSync(path, typeof file === 'string' ? file : JSON.stringify(file), { mode: 0o600 })
    const text = problem(loadKeyring(path))
    assert.match(text, expected)
    assert.ok(!text.includes(material.slice(1, 20)), 'the message quotes the material')
  }
})

test('a folder in the keyring’s place is refused', (t) => {
  assert.match(problem(loadKeyring(folder(t))), /is not a file|cannot be read/)
})

test('older keys stay available by id, and the current one seals', () => {
  const [one, two] = [randomBytes(32), randomBytes(32)]
  const before = new Keyring([['k1', one]], 'k1')
  const after = new Keyring(
    [
      ['k1', one],
      ['k2', two],
    ],
    'k2',
  )
  assert.deepEqual(after.sealingKeys.key('k1'), before.sealingKey('k1'))
  assert.equal(after.sealingKeys.currentId, 'k2')
  assert.equal(after.sealingKey('k3'), undefined)
  assert.notEqual(after.fingerprint, before.fingerprint)
})

test('the key of DPoP nonces is the same for all that have the same current key, and seals nothing', () => {
  const [one, two] = [randomBytes(32), randomBytes(32)]
  const keys = [
    ['k1', one],
    ['k2', two],
  ] as const
  const first = new Keyring(keys, 'k1')
  assert.deepEqual(new Keyring(keys, 'k1').dpopNonceKey, first.dpopNonceKey)
  assert.equal(first.dpopNonceKey.length, 32)
  for (const other of [new Keyring(keys, 'k2').dpopNonceKey, first.sealingKey('k1'), one]) {
    assert.notDeepEqual(first.dpopNonceKey, other)
  }
})

test('sealing keys are derived: the material itself seals nothing', () => {
  const material = Buffer.alloc(32, 7)
  const key = new Keyring([['k1', material]], 'k1').sealingKey('k1')
  assert.equal(key?.length, 32)
  assert.notDeepEqual(key, material)
  // HKDF-SHA-256 without salt, computed with an independent implementation; a change would orphan every store.
  assert.equal(key?.toString('hex'), '23c4a11a0eab54f121fad2187e458964b201e15ef952c0111bcdbe15973efb56')
})

test('printing a keyring in any way shows neither material nor keys', () => {
  const material = Buffer.alloc(32, 7)
  const keyring = new Keyring([['k1', material]], 'k1')
  const printed = `${inspect(keyring, { depth: 9, showHidden: true })} ${JSON.stringify(keyring)} ${String(keyring)}`
  for (const secret of [material, keyring.sealingKey('k1')!]) {
    for (const text of [
      secret.toString('hex'),
      secret.toString('base64url'),
      secret.toString('hex').replace(/..(?=.)/g, '$& '),
    ]) {
      assert.ok(!printed.includes(text))
    }
  }
})

test("a file of root's that the service's group may read is a secret handed over, and nothing else is", () => {
  const [root, service] = [0, 65_532]
  for (const mode of [0o440, 0o400, 0o040]) assert.equal(accessProblem({ uid: root, mode }, service), null)
  for (const mode of [0o640, 0o460, 0o444, 0o450, 0o442]) {
    assert.match(accessProblem({ uid: root, mode }, service)!, new RegExp(`mode 0${mode.toString(8)},`))
  }
  // What is our own we can keep to ourselves, and root's own is for root.
  assert.notEqual(accessProblem({ uid: service, mode: 0o440 }, service), null)
  assert.notEqual(accessProblem({ uid: root, mode: 0o440 }, root), null)
  assert.notEqual(accessProblem({ uid: 1000, mode: 0o440 }, service), null)
})
