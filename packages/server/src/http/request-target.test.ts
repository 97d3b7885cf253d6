import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sendRaw } from '../testing/gateway-fixture.ts'
import { type Surfaces, startSurfaces } from '../testing/surfaces.ts'

/** Of the listeners that Fastify serves: api, admin and ops. */
describe('where a request goes, on the listeners of administration', () => {
  let surfaces: Surfaces
  before(async () => {
    surfaces = await startSurfaces()
  })
  after(() => surfaces.close())

  const send = (head: string) => sendRaw(Number(new URL(surfaces.api).port), `${head}\r\n\r\n`)
  const HOST = 'Host: 127.0.0.1'
  const VERIFY = 'POST /v1/verify HTTP/1.1\r\nContent-Length: 2'

  const REFUSED: readonly [what: string, head: string][] = [
    ['two Hosts', `GET /healthz HTTP/1.1\r\n${HOST}\r\nHost: evil.example`],
    ['the same Host twice', `GET /healthz HTTP/1.1\r\n${HOST}\r\n${HOST}`],
    ['two Hosts far apart and in another case', `GET /healthz HTTP/1.1\r\n${HOST}\r\nA: b\r\nhOST: evil`],
    ['two Hosts in HTTP/1.0', `GET /healthz HTTP/1.0\r\n${HOST}\r\nHost: evil.example`],
    ['two Hosts to verify', `${VERIFY}\r\n${HOST}\r\nHost: evil.example\r\n\r\n{}`],
    ['two Hosts to forward-auth', `GET /v1/authorize/orders HTTP/1.1\r\n${HOST}\r\nHost: evil.example`],
    ['two Hosts to a path that nothing is at', `GET /nothing HTTP/1.1\r\n${HOST}\r\nHost: evil.example`],
    ['no Host', 'GET /healthz HTTP/1.1\r\nA: b'],
    ['an empty Host', 'GET /healthz HTTP/1.1\r\nHost:'],
    ['two hosts in one line', 'GET /healthz HTTP/1.1\r\nHost: a.example, b.example'],
    ['a Host with a user', 'GET /healthz HTTP/1.1\r\nHost: user@a.example'],
    ['a Host with a path', 'GET /healthz HTTP/1.1\r\nHost: a.example/b'],
    ['an absolute target', `GET http://127.0.0.1/healthz HTTP/1.1\r\n${HOST}`],
    ['an absolute target of another host', `GET https://evil.example/healthz HTTP/1.1\r\n${HOST}`],
    ['an absolute target of no known scheme', `GET x:/healthz HTTP/1.1\r\n${HOST}`],
    ['an absolute target to forward-auth', `GET http://a.example/v1/authorize/orders HTTP/1.1\r\n${HOST}`],
    ['the target *', `OPTIONS * HTTP/1.1\r\n${HOST}`],
  ]
  for (const [what, head] of REFUSED) {
    it(`${what}: 400 problem+json, and the connection ends`, async () => {
      const answer = await send(head)
      const [top, body] = answer.split('\r\n\r\n', 2) as [string, string]
      assert.match(top, /^HTTP\/1\.1 400 /)
      assert.match(top, /^content-type: application\/problem\+json$/im)
      assert.match(top, /^connection: close$/im)
      const problem = JSON.parse(body)
      assert.equal(problem.code, 'INVALID_REQUEST')
      assert.match(top, new RegExp(`^credence-request-id: ${problem.request_id}$`, 'im'))
    })
  }

  const PASSED: readonly [what: string, head: string][] = [
    ['one Host', `GET /healthz HTTP/1.1\r\n${HOST}\r\nConnection: close`],
    ['a Host with a port', 'GET /healthz HTTP/1.1\r\nHost: a.example:80\r\nConnection: close'],
    ['an IPv6 Host', 'GET /healthz HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close'],
    ['HTTP/1.0 without Host', 'GET /healthz HTTP/1.0'],
  ]
  for (const [what, head] of PASSED) {
    it(`${what} passes`, async () => {
      assert.match(await send(head), /^HTTP\/1\.1 200 /)
    })
  }
})
