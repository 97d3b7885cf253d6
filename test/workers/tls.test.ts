import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { startRefused, temporaryFolder } from '../running-server.ts'
import { startNode, until, workerOf } from './worker-node.ts'

const WORKERS = 3

test('every worker speaks TLS, and takes a renewed certificate without a restart', async (t) => {
  const path = temporaryFolder()
  t.after(() => rmSync(path, { recursive: true, force: true }))
  const [pair, renewed] = [makeCertificate(path, 'first'), makeCertificate(path, 'second')]
  const node = await startNode(t, WORKERS, {
    env: { CREDENCE_TLS_CERT: pair.certPath, CREDENCE_TLS_KEY: pair.keyPath },
  })
  const { api, gateway } = node.server
  const workers = new Set<number>()
  for (let i = 0; i < WORKERS; i++) workers.add(await workerOf(node.connect()))
  assert.equal(workers.size, WORKERS)
  // Connections go to each worker in turn, so that as many as there are workers reach them all.
  const names = async (url: string) => {
    const presented: string[] = []
    for (let i = 0; i < WORKERS; i++) presented.push(await presentedName(url))
    return [...new Set(presented)].join()
  }
  for (const url of [api, gateway]) assert.equal(await names(url), 'first')
  renameSync(renewed.keyPath, pair.keyPath)
  renameSync(renewed.certPath, pair.certPath)
  for (const url of [api, gateway]) {
    await until('each worker shows the new one', async () => (await names(url)) === 'second')
  }
})

test('a certificate that cannot be used is told once, before any worker starts', async (t) => {
  const path = temporaryFolder()
  t.after(() => rmSync(path, { recursive: true, force: true }))
  const [one, two] = [makeCertificate(path, 'one'), makeCertificate(path, 'two')]
  const env = { CREDENCE_WORKERS: '3', CREDENCE_TLS_CERT: one.certPath, CREDENCE_TLS_KEY: two.keyPath }
  const { code, stderr } = await startRefused({ dataPath: join(path, 'data'), env })
  assert.equal(code, 1)
  assert.equal(stderr.match(/does not belong to the certificate/g)?.length, 1, stderr)
})

/** A self-signed certificate for 127.0.0.1 whose common name is `name`. */
function makeCertificate(path: string, name: string) {
  const pair = { certPath: join(path, `${name}.crt`), keyPath: join(path, `${name}.key`) }
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
  execFileSync('openssl', [...kind, ...names, '-keyout', pair.keyPath, '-out', pair.certPath], {
    stdio: 'ignore',
  })
  return pair
}

/** The common name that a listener shows to a new connection. */
function presentedName(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false }
    const socket = connect(options, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.once('error', reject)
  })
}
