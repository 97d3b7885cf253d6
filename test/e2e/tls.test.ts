import assert from 'node:assert/strict'
import { readFileSync, renameSync, rmSync } from 'node:fs'
import { request } from 'node:https'
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
