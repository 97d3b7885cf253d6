import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import { type Certificate, type CertificatePaths, loadCertificate, watchCertificate } from './tls.ts'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'credence-tls-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

/** A self-signed certificate for `name`, in files of its own. */
function makeCertificate(path: string, name: string): CertificatePaths {
  const paths = { certPath: join(path, `${name}.crt`), keyPath: join(path, `${name}.key`) }
  const options = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const files = ['-keyout', paths.keyPath, '-out', paths.certPath, '-subj', `/CN=${name}`, '-days', '2']
  execFileSync('openssl', [...options, ...files], { stdio: 'ignore' })
  return paths
}

function load(paths: CertificatePaths): Certificate {
  const result = loadCertificate(paths)
  assert.ok(result.ok, result.ok ? '' : result.problem)
  return result.certificate
}

function problem(paths: CertificatePaths): string {
  const result = loadCertificate(paths)
  assert.ok(!result.ok, 'the certificate was accepted')
  return result.problem
}

/** The common name that a server shows to a new connection. */
function presentedName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

test('a certificate and its key are loaded, with the end of their life', (t) => {
  const certificate = load(makeCertificate(folder(t), 'one'))
  assert.match(certificate.cert, /BEGIN CERTIFICATE/)
  assert.ok(certificate.expiresAtMs > Date.now() + 86_400_000)
})

test('missing, mixed up, mismatched and broken files are told apart, without quoting a key', (t) => {
  const path = folder(t)
  const [one, two] = [makeCertificate(path, 'one'), makeCertificate(path, 'two')]
  const garbage = join(path, 'garbage')
  writeFileSync(garbage, 'garbage')
  assert.match(
    problem({ ...one, certPath: join(path, 'none') }),
    /certificate .*none cannot be read \(ENOENT\)/,
  )
  assert.match(
    problem({ ...one, keyPath: join(path, 'none') }),
    /private key .*none cannot be read \(ENOENT\)/,
  )
  assert.match(problem({ ...one, keyPath: two.keyPath }), /does not belong to the certificate/)
  assert.match(problem({ ...one, certPath: garbage }), /holds no PEM certificate/)
  assert.match(problem({ ...one, keyPath: garbage }), /holds no PEM private key/)
  const mixed = problem({ certPath: one.keyPath, keyPath: one.certPath })
  assert.match(mixed, /holds no PEM certificate/)
  assert.ok(!mixed.includes(readFileSync(one.keyPath, 'utf8').split('\n')[1]!))
})

test('a server shows a renewed certificate, and the last good one while the files are broken', {
  timeout: 20_000,
}, async (t) => {
  const path = folder(t)
  const live = makeCertificate(path, 'live')
  const next = makeCertificate(folder(t), 'next')
  const initial = load(live)
  const server = createServer(initial, (_request, response) => response.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo

  let onProblem = Promise.withResolvers<string>()
  const onApply = Promise.withResolvers<void>()
  const stop = watchCertificate(live, {
    current: initial,
    apply: (certificate) => {
      server.setSecureContext(certificate)
      onApply.resolve()
    },
    onProblem: (text) => onProblem.resolve(text),
    pollMs: 50,
  })
  t.after(stop)
  assert.equal(await presentedName(port), 'live')

  writeFileSync(live.certPath, 'broken')
  assert.match(await onProblem.promise, /holds no PEM certificate/)
  assert.equal(await presentedName(port), 'live')

  onProblem = Promise.withResolvers()
  renameSync(next.certPath, live.certPath)
  assert.match(await onProblem.promise, /does not belong/)
  assert.equal(await presentedName(port), 'live')

  renameSync(next.keyPath, live.keyPath)
  await onApply.promise
  assert.equal(await presentedName(port), 'next')
})

test('a problem is told once, and the same certificate is not applied again', {
  timeout: 20_000,
}, async (t) => {
  const path = folder(t)
  const live = makeCertificate(path, 'live')
  const nexts = [makeCertificate(folder(t), 'next'), makeCertificate(folder(t), 'next')]
  const problems: string[] = []
  const applied: string[] = []
  let told = Promise.withResolvers<void>()
  const stop = watchCertificate(live, {
    current: load(live),
    apply: ({ cert }) => {
      applied.push(cert)
      told.resolve()
    },
    onProblem: (text) => {
      problems.push(text)
      told.resolve()
    },
    pollMs: 50,
  })
  t.after(stop)
  const expected: string[] = []
  for (const [round, next] of nexts.entries()) {
    told = Promise.withResolvers()
    renameSync(next.keyPath, live.keyPath)
    await told.promise
    await seen(path, `broken-${round}`)
    told = Promise.withResolvers()
    renameSync(next.certPath, live.certPath)
    await told.promise
    await seen(path, `good-${round}`)
    expected.push(readFileSync(live.certPath, 'utf8'))
  }
  assert.equal(problems.length, 2)
  assert.deepEqual(applied, expected)
})

/** Makes a file beside the certificate and waits until watchers of the folder were told. */
async function seen(path: string, name: string): Promise<void> {
  const event = Promise.withResolvers<void>()
  const watcher = watch(path, (_type, file) => {
    if (file === name) event.resolve()
  })
  writeFileSync(join(path, name), name)
  await event.promise
  watcher.close()
}
