import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, it } from 'node:test'
import { parseIpRange } from '@credence/core'
import { guardedJson, keyUriProblem } from './guarded-json.ts'

const LOOPBACK = [parseIpRange('127.0.0.0/8')!]
const open = { allow: LOOPBACK, listeners: [], localAddresses: () => [] }
const closed = { ...open, allow: [] }

let url = ''
const asked: string[] = []
let answer: (response: ServerResponse) => void = () => {}
const server = createServer((request, response) => {
  asked.push(request.url!)
  answer(response)
})

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})
beforeEach(() => {
  asked.length = 0
})

function get(path: string, over: Partial<Parameters<typeof guardedJson>[0]> = {}) {
  return guardedJson({ rules: open, resolve: async () => ['127.0.0.1'], ...over })(`${url}${path}`)
}

describe('a document of an issuer', () => {
  it('is read with what Cache-Control says of it', async () => {
    for (const [header, seconds] of [
      ['max-age=600', 600],
      ['public, MAX-AGE="600"', 600],
      ['no-store, max-age=600', 0],
      ['private', null],
    ] as const) {
      answer = (response) => response.writeHead(200, { 'cache-control': header }).end('{"a":1}')
      assert.deepEqual(await get('/x?y=z'), { value: { a: 1 }, maxAgeSeconds: seconds })
    }
    assert.equal(asked[0], '/x?y=z')
  })

  it('that is a redirect, too long, compressed, no strict JSON or slow is refused', async () => {
    const wrong: readonly ((response: ServerResponse) => void)[] = [
      (response) => response.writeHead(302, { location: `${url}/elsewhere` }).end(),
      (response) => response.writeHead(204).end(),
      (response) => response.end(`"${'x'.repeat(256 * 1024)}"`),
      (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('{}'),
      (response) => response.end('{"a":1,"a":2}'),
      (response) => response.end(`${'['.repeat(40)}${']'.repeat(40)}`),
      (response) => response.write('{'),
      () => {},
    ]
    for (const one of wrong) {
      answer = one
      await assert.rejects(get('/x', { timeoutMs: 200 }), one.toString())
    }
    assert.deepEqual([...new Set(asked)], ['/x'], 'no redirect was followed')
  })

  it('is asked of no address that the guard refuses, whatever its name comes to mean', async () => {
    answer = (response) => response.end('{}')
    await assert.rejects(get('/x', { rules: closed }), /special-use/)
    for (const address of ['169.254.169.254', '10.0.0.1', '::ffff:127.0.0.1', '::1']) {
      const fetchJson = guardedJson({ rules: closed, resolve: async () => ['93.184.216.34', address] })
      await assert.rejects(fetchJson('https://issuer.example/jwks'), /special-use/, address)
    }
    assert.deepEqual(asked, [])
    assert.ok(await get('/x'), 'the control: the same address where it is allowed')
  })
})

describe('the URL of an issuer', () => {
  it('is https, or http to an address of this machine where that is allowed', () => {
    for (const uri of ['https://issuer.example/jwks', `${url}/jwks`, 'https://93.184.216.34/']) {
      assert.equal(keyUriProblem(uri, open), null, uri)
    }
    for (const uri of [
      ...['http://issuer.example/', 'http://localhost:1/', 'http://93.184.216.34/', 'ftp://issuer.example/'],
      ...['https://10.0.0.1/', 'https://[::1]/', 'https://[fd00::1]/', 'https://0x7f000001.1/', 'x'],
      ...['https://a@issuer.example/', 'https://issuer.example/#x', 'https://169.254.169.254/'],
    ]) {
      assert.notEqual(keyUriProblem(uri, open), null, uri)
    }
    assert.notEqual(keyUriProblem(`${url}/jwks`, closed), null)
  })
})
