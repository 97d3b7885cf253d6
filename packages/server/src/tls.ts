import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { type FSWatcher, readFileSync, unwatchFile, watch, watchFile } from 'node:fs'
import { dirname } from 'node:path'
import { createSecureContext } from 'node:tls'

export interface CertificatePaths {
  readonly certPath: string
  readonly keyPath: string
}

/** What a TLS listener takes: PEM texts, checked to belong together. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly expiresAtMs: number
}

export type CertificateResult =
  | { readonly ok: true; readonly certificate: Certificate }
  | { readonly ok: false; readonly problem: string }

/** Reads a certificate (with its chain) and its private key. A problem never quotes what a file holds. */
export function loadCertificate(paths: CertificatePaths): CertificateResult {
  const cert = readPem(paths.certPath, 'certificate')
  if (!cert.ok) return cert
  const key = readPem(paths.keyPath, 'private key')
  if (!key.ok) return key
  return checkCertificate(paths, cert.text, key.text)
}

function checkCertificate(paths: CertificatePaths, cert: string, key: string): CertificateResult {
  let leaf: X509Certificate
  let privateKey: KeyObject
  try {
    leaf = new X509Certificate(cert)
  } catch {
    return { ok: false, problem: `The file ${paths.certPath} holds no PEM certificate` }
  }
  try {
    privateKey = createPrivateKey(key)
  } catch {
    return {
      ok: false,
      problem: `The file ${paths.keyPath} holds no PEM private key, or one with a passphrase`,
    }
  }
  if (!leaf.checkPrivateKey(privateKey)) {
    const problem = `The private key in ${paths.keyPath} does not belong to the certificate in ${paths.certPath}`
    return { ok: false, problem }
  }
  try {
    // What OpenSSL refuses besides: a broken chain, a key too short for its security level.
    createSecureContext({ cert, key })
  } catch {
    return { ok: false, problem: `The certificate in ${paths.certPath} or its chain cannot be used for TLS` }
  }
  return { ok: true, certificate: { cert, key, expiresAtMs: leaf.validToDate.getTime() } }
}

export interface WatchOptions {
  /** What is in use now: the same texts are not applied again. */
  readonly current: Certificate
  /** Puts a new certificate to use; usually `server.setSecureContext`. */
  readonly apply: (certificate: Certificate) => void
  /** Told when the files hold nothing usable; the last good certificate stays in use. */
  readonly onProblem: (problem: string) => void
  /** How often files are looked at where the system reports no changes (network folders); default 10 s. */
  readonly pollMs?: number
}

/**
 * Reloads the certificate when its files change, also by a renamed folder or link, as certbot and Kubernetes do
 * it. Every event reads both files again, and only a pair that differs and fits is applied: between the two
 * writes of a renewal the old pair stays. Holds no process open. Returns what ends the watching.
 */
export function watchCertificate(paths: CertificatePaths, options: WatchOptions): () => void {
  let current = options.current
  let lastProblem: string | null = null
  const check = () => {
    const loaded = loadCertificate(paths)
    if (!loaded.ok) {
      if (loaded.problem !== lastProblem) options.onProblem(loaded.problem)
      lastProblem = loaded.problem
      return
    }
    lastProblem = null
    const { certificate } = loaded
    if (certificate.cert === current.cert && certificate.key === current.key) return
    current = certificate
    options.apply(certificate)
  }
  const files = [...new Set([paths.certPath, paths.keyPath])]
  const folders = [...new Set(files.map((file) => dirname(file)))]
  const watchers = folders.flatMap((folder) => watchFolder(folder, check))
  for (const file of files) {
    watchFile(file, { persistent: false, interval: options.pollMs ?? 10_000 }, check)
  }
  return () => {
    for (const watcher of watchers) watcher.close()
    for (const file of files) unwatchFile(file, check)
  }
}

/** None where the system has no events to give; then the polling does the work alone. */
function watchFolder(folder: string, check: () => void): FSWatcher[] {
  try {
    const watcher = watch(folder, { persistent: false }, check)
    watcher.on('error', () => watcher.close())
    return [watcher]
  } catch {
    return []
  }
}

function readPem(
  path: string,
  what: string,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string } {
  try {
    return { ok: true, text: readFileSync(path, 'utf8') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    return { ok: false, problem: `The ${what} ${path} cannot be read (${code})` }
  }
}
