import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  aroundPosition,
  auditHash,
  canonicalJson,
  FIRST_AUDIT_HASH,
  verifyAuditChain,
} from './audit-chain.ts'
import { type AuditRow, StoreFault } from './port.ts'
import { anAudit } from './testing/contract-records.ts'

function chain(length: number): AuditRow[] {
  const rows: AuditRow[] = []
  for (let position = 1; position <= length; position++) {
    const entry = { ...anAudit({ detail: { scopes: ['a', position] } }), position, workspaceId: 'ws_1' }
    rows.push({ ...entry, hash: auditHash(rows.at(-1)?.hash ?? FIRST_AUDIT_HASH, entry) })
  }
  return rows
}

test('an untouched chain holds, whole or from the middle on', () => {
  const rows = chain(5)
  assert.deepEqual(verifyAuditChain(rows), { ok: true, newestHash: rows[4]?.hash })
  assert.deepEqual(verifyAuditChain(rows.slice(2), rows[1]!.hash), { ok: true, newestHash: rows[4]?.hash })
  assert.deepEqual(verifyAuditChain([]), { ok: true, newestHash: FIRST_AUDIT_HASH })
})

test('a change to any member of any entry is found', () => {
  const rows = chain(3)
  for (const [i, row] of rows.entries()) {
    for (const member of Object.keys(row)) {
      const changed = { ...row, [member]: member === 'position' ? 9 : 'changed' } as unknown as AuditRow
      assert.equal(verifyAuditChain(rows.with(i, changed)).ok, false, `${member} of entry ${i + 1}`)
    }
  }
})

test('an entry that was removed, moved or slipped in is found', () => {
  const rows = chain(4)
  const removed = verifyAuditChain(rows.toSpliced(1, 1))
  assert.deepEqual(removed, { ok: false, position: 2, problem: 'The entry at position 2 is missing' })
  assert.equal(verifyAuditChain(rows.toSpliced(0, 1)).ok, false)
  assert.equal(verifyAuditChain([rows[1]!, rows[0]!]).ok, false)
  assert.equal(verifyAuditChain(rows.toSpliced(2, 0, rows[1]!)).ok, false)
})

test('an entry rewritten together with its own hash is found at the next one', () => {
  const rows = chain(3)
  const { hash, ...entry } = { ...rows[1]!, action: 'credential.revoke' }
  assert.notEqual(auditHash(rows[0]!.hash, entry), hash)
  const forged = { ...entry, hash: auditHash(rows[0]!.hash, entry) }
  assert.equal(verifyAuditChain(rows.with(1, forged)).ok, false)
})

test('canonical JSON does not depend on the order of members', () => {
  assert.equal(canonicalJson({ b: [{ d: 1, c: null }], a: 'x' }), '{"a":"x","b":[{"c":null,"d":1}]}')
  assert.equal(canonicalJson(JSON.parse('{"__proto__":{"b":1,"a":2}}')), '{"__proto__":{"a":2,"b":1}}')
})

test('text that a database would give back otherwise is refused before it breaks the chain', () => {
  for (const requestId of ['\ud800', 'a\0']) {
    const entry = { ...anAudit({ requestId }), position: 1, workspaceId: 'ws_1' }
    assert.throws(() => auditHash(FIRST_AUDIT_HASH, entry), StoreFault)
  }
})

test('what stands around the position is the canonical JSON of the whole entry', () => {
  const entry = { ...chain(1)[0]!, detail: { position: 7, z: '"position":1', a: ['\0\ud800'] } }
  const { hash: _, ...whole } = entry
  const { head, tail } = aroundPosition(entry)
  assert.equal(`${head}${entry.position}${tail}`, canonicalJson(whole))
})
