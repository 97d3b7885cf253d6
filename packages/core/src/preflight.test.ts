import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aRequest, Installation } from './testing/installation.ts'
import { anApi, aRoute } from './testing/records.ts'
import { verify } from './verify.ts'

const origin = 'https://shop.example'
const preflight = ['Origin', origin, 'Access-Control-Request-Method', 'GET']

/** Asks with OPTIONS and no credential. */
async function codeOf(headers: string[], change = {}, request = {}): Promise<string> {
  const here = new Installation()
  const api = here.put('api', anApi({ routes: [aRoute()], corsOrigins: [origin], ...change }))
  const asked = { api, useRoutes: true, method: 'OPTIONS', headers, ...request }
  const decision = await verify(aRequest(null, asked), here.verifier)
  if (decision.code === 'VALID') assert.equal(decision.public, true)
  assert.equal(decision.credential, null)
  return decision.code
}

describe('a CORS preflight', () => {
  it('passes without a credential, for an origin the API names and a route it has', async () => {
    assert.equal(await codeOf(preflight), 'VALID')
    assert.equal(await codeOf(preflight, { corsOrigins: ['*'] }), 'VALID')
  })

  it('passes only where the API says CORS, for its origins, and for routes it has', async () => {
    assert.equal(await codeOf(preflight, { corsOrigins: [] }), 'ROUTE_UNKNOWN')
    assert.equal(await codeOf(preflight, { corsOrigins: [`${origin}.evil.example`] }), 'ROUTE_UNKNOWN')
    assert.equal(await codeOf(preflight, {}, { path: '/elsewhere' }), 'ROUTE_UNKNOWN')
    assert.equal(await codeOf([...preflight.slice(0, 3), 'DELETE']), 'ROUTE_UNKNOWN')
  })

  it('is only what the Fetch standard calls one: OPTIONS, one Origin, one requested method', async () => {
    assert.equal(await codeOf(preflight.slice(0, 2)), 'ROUTE_UNKNOWN')
    assert.equal(await codeOf(preflight.slice(2)), 'ROUTE_UNKNOWN')
    assert.equal(await codeOf([...preflight, 'Origin', origin]), 'ROUTE_UNKNOWN')
    assert.equal(await codeOf([...preflight, ...preflight.slice(2)]), 'ROUTE_UNKNOWN')
    assert.equal(await codeOf(preflight, {}, { method: 'GET' }), 'MISSING')
  })

  it('passes over a route for OPTIONS; an OPTIONS request that is none needs that route and a credential', async () => {
    const routes = [aRoute({ method: '*' })]
    assert.equal(await codeOf(preflight, { routes }), 'VALID')
    assert.equal(await codeOf(preflight.slice(0, 2), { routes }), 'MISSING')
  })
})
