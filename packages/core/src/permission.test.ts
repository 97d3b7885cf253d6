import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { effectiveScopes, roleIdsFor } from './permission.ts'
import type { Grant, RoleRecord } from './records.ts'
import { aRequest, Installation } from './testing/installation.ts'
import { aCredential, aPrincipal, aRole } from './testing/records.ts'
import { verify } from './verify.ts'

const apiId = 'api_000000000002'
const otherApiId = 'api_000000000009'
const grant = (scopes: string[], roleIds: string[] = [], at = apiId): Grant => ({
  apiId: at,
  scopes,
  roleIds,
})

function scopesWith(grants: Grant[], ceiling: Grant[] | null, roles: RoleRecord[] = []) {
  const byId = new Map(roles.map((role) => [role.id, role]))
  const [credential, principal] = [aCredential({ grants }), aPrincipal({ ceiling })]
  return effectiveScopes(credential, principal, apiId, (id) => byId.get(id))
}

describe('what a credential may do', () => {
  it('is nothing at all, not even "no scopes", at an API that no grant is for', () => {
    assert.equal(scopesWith([grant(['a'], [], otherApiId)], null), null)
    assert.deepEqual(scopesWith([grant([])], null), [])
  })

  it('is what its grants and their roles give together, each scope once', () => {
    const roles = [aRole({ id: 'r1', scopes: ['b', 'c'] })]
    assert.deepEqual(scopesWith([grant(['a', 'b'], ['r1']), grant(['d'])], null, roles), ['a', 'b', 'c', 'd'])
    assert.deepEqual(scopesWith([grant(['d']), grant(['a'], ['r1'])], null, roles), ['d', 'a', 'b', 'c'])
  })

  it('gets nothing from a role of another API, or from one that is gone', () => {
    const roles = [aRole({ id: 'r1', apiId: otherApiId, scopes: ['b'] })]
    assert.deepEqual(scopesWith([grant(['a'], ['r1', 'gone'])], null, roles), ['a'])
  })

  it('is not narrowed by a ceiling that is null, and is nothing under one that is empty', () => {
    assert.deepEqual(scopesWith([grant(['*'])], null), ['*'])
    assert.deepEqual(scopesWith([grant(['*'])], []), [])
    assert.deepEqual(scopesWith([grant(['*'])], [grant(['a'], [], otherApiId)]), [])
  })

  it('is never more than the ceiling, whose roles count too', () => {
    const roles = [aRole({ id: 'r1', scopes: ['orders:read'] })]
    assert.deepEqual(scopesWith([grant(['orders:*'])], [grant(['orders:write'])]), ['orders:write'])
    assert.deepEqual(scopesWith([grant(['orders:*'])], [grant([], ['r1'])], roles), ['orders:read'])
    assert.deepEqual(scopesWith([grant(['orders:read'])], [grant(['*'])]), ['orders:read'])
  })

  it('needs the roles of grant and ceiling at this API, and no others', () => {
    const credential = aCredential({ grants: [grant([], ['r1']), grant([], ['r2'], otherApiId)] })
    assert.deepEqual(roleIdsFor(credential, aPrincipal({ ceiling: [grant([], ['r3'])] }), apiId), [
      'r1',
      'r3',
    ])
    assert.deepEqual(roleIdsFor(credential, aPrincipal(), apiId), ['r1'])
  })

  it('gets nothing in verify from a role of another workspace or API', async () => {
    for (const [change, code] of [
      [{}, 'VALID'],
      [{ workspaceId: 'ws_000000000099' }, 'INSUFFICIENT_SCOPE'],
      [{ apiId: otherApiId }, 'INSUFFICIENT_SCOPE'],
    ] as const) {
      const here = new Installation()
      const role = here.put('role', aRole(change))
      const { key } = here.issue({ grants: [grant([], [role.id])] })
      assert.equal((await verify(aRequest(key, { scopes: 'orders:read' }), here.verifier)).code, code)
    }
  })
})
