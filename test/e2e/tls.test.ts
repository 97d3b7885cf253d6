import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import { makeCertificate } from '../certificate.ts'
import { startRefused, startServer, temporaryFolder } from '../running-server.ts'

const LOOPBACK = 'IP:127.0.0.1'

test('both listeners speak TLS alone, and take a renewed certificate without a restart', async (t) => {
  const path = folder(t)
  const pair = makeCertificate(path, 'first', LOOPBACK)
  const renewed = makeCertificate(path, 'second', LOOPBACK)
  const server = await startServer({
    env: { CREDENCE_TLS_CERT: pair.certPath, CREDENCE_TLS_KEY: pair.keyPath },
  })
  t.after(() => server.stop())
  for (const url of [server.api, server.gateway]) {
    assert.match(url, /^https:/)
    assert.equal(await presentedName(url), 'first')
    await assert.rejects(fetch(url.replace('https:', 'http:')), TypeError, 'plain HTTP is not answered')
  }
  const { status, body } = await statusOver(server.api, readFileSync(pair.certPath, 'utf8'), server.adminKey)
  assert.equal(status, 200, body)

  renameSync(renewed.keyPath, pair.keyPath)
  renameSync(renewed.certPath, pair.certPath)
  await server.printed(/new certificate in use/)
  assert.equal(await presentedName(server.api), 'second')
  assert.equal(await presentedName(server.gateway), 'second')
})

test('clients are asked for a certificate where that is set; authorities are read again with a renewed certificate', async (t) => {
  const path = folder(t)
  const pair = makeCertificate(path, 'first', LOOPBACK)
  const renewed = makeCertificate(path, 'second', LOOPBACK)
  const clients = [makeCertificate(path, 'old', LOOPBACK), makeCertificate(path, 'new', LOOPBACK)]
  const authorities = join(path, 'authorities.crt')
  copyFileSync(clients[0]!.certPath, authorities)
  const tls = { CREDENCE_TLS_CERT: pair.certPath, CREDENCE_TLS_KEY: pair.keyPath }
  const env = { ...tls, CREDENCE_TLS_CLIENT_CERT: 'ca', CREDENCE_TLS_CLIENT_CA: authorities }
  const server = await startServer({ env })
  t.after(() => server.stop())
  const trusting = { NODE_EXTRA_CA_CERTS: pair.certPath }
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await server.credence(args, undefined, trusting)
    assert.equal(code, 0, stderr)
    return stdout.trim()
  }
  // Nothing listens there: 502 is what passed.
  const upstream = ['--upstream', 'http://127.0.0.1:9', '--route', 'GET /orders/*']
  await run('apis', 'create', 'orders', '--audience', 'https://orders.example', ...upstream)
  const keys: string[] = []
  for (const { certPath } of clients) {
    const bound = ['--api', 'orders', '--principal', 'till', '--bind-certificate', certPath]
    keys.push(await run('keys', 'create', ...bound))
  }
  const statusesOf = async (client: number, shown = client) => {
    const { certPath, keyPath } = clients[shown]!
    const own = { cert: readFileSync(certPath), key: readFileSync(keyPath) }
    const statusAt = (url: string) => statusWith(url, keys[client]!, own)
    const self = await statusAt(`${server.api}/v1/credentials/self`)
    return [self, await statusAt(`${server.gateway}/orders/7`)]
  }
  assert.deepEqual(await statusesOf(0), [200, 502])
  assert.deepEqual(await statusesOf(0, 1), [401, 401], 'the certificate of another client')
  assert.deepEqual(await statusesOf(1), [401, 401], 'nobody vouches for it')
  copyFileSync(clients[1]!.certPath, authorities)
  renameSync(renewed.keyPath, pair.keyPath)
  renameSync(renewed.certPath, pair.certPath)
  await server.printed(/new certificate in use/)
  assert.deepEqual(await statusesOf(1), [200, 502])
  assert.deepEqual(await statusesOf(0), [401, 401], 'nobody vouches for it any more')
})

test('authorities that cannot be read keep the server from starting', async (t) => {
  const path = folder(t)
  const pair = makeCertificate(path, 'one', LOOPBACK)
  const tls = { CREDENCE_TLS_CERT: pair.certPath, CREDENCE_TLS_KEY: pair.keyPath }
  const env = { ...tls, CREDENCE_TLS_CLIENT_CERT: 'ca', CREDENCE_TLS_CLIENT_CA: pair.keyPath }
  const { code, stderr } = await startRefused({ dataPath: folder(t), env })
  assert.equal(code, 1)
  assert.match(stderr, /holds no PEM certificate/)
})

test('a key that does not belong to the certificate keeps the server from starting', async (t) => {
  const path = folder(t)
  const [one, two] = [makeCertificate(path, 'one', LOOPBACK), makeCertificate(path, 'two', LOOPBACK)]
  const env = { CREDENCE_TLS_CERT: one.certPath, CREDENCE_TLS_KEY: two.keyPath }
  const { code, stderr } = await startRefused({ dataPath: folder(t), env })
  assert.equal(code, 1)
  assert.match(stderr, /does not belong to the certificate/)
})

function folder(t: TestContext): string {
  const path = temporaryFolder()
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** The common name that a listener shows to a new connection. */
function presentedName(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false }
    const socket = connect(options, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

/** Asks for the status, trusting nothing but `ca`. */
function statusOver(url: string, ca: string, key: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}` }
    request(`${url}/v1/status`, { ca, headers, agent: false }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode!, body })).on('error', reject)
    })
      .on('error', reject)
      .end()
  })
}

/** The status that a client gets who shows a certificate. */
function statusWith(
  url: string,
  apiKey: string,
  own: { readonly cert: Buffer; readonly key: Buffer },
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { ...own, agent: false, rejectUnauthorized: false, headers: { 'x-api-key': apiKey } }
    request(url, options, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}
