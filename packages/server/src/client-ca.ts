import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Config } from './config.ts'
import type { Certificate } from './tls.ts'

/** What a TLS listener takes. */
export type ListenerTls = Pick<Certificate, 'cert' | 'key'> & ClientCertificateOptions

/** What a TLS listener is told of client certificates; nothing where none is asked for. */
export interface ClientCertificateOptions {
  readonly requestCert?: true
  readonly rejectUnauthorized?: false
  /** PEM texts of the authorities that vouch for clients. */
  readonly ca?: string
}

export type ClientCertificates =
  | { readonly ok: true; readonly options: ClientCertificateOptions }
  | { readonly ok: false; readonly problem: string }

/**
 * Nobody has to show a certificate, and one that no authority vouches for ends no connection: whether it counts is
 * decided about each credential that is bound to one (RFC 8705 section 2.2 has self-signed ones, which are as good
 * there as their thumbprint).
 */
export function loadClientCertificates({
  tlsClientCert,
  tlsClientCaPath,
}: Pick<Config, 'tlsClientCert' | 'tlsClientCaPath'>): ClientCertificates {
  if (tlsClientCert === 'off') return { ok: true, options: {} }
  const asking = { requestCert: true, rejectUnauthorized: false } as const
  if (tlsClientCaPath === null) return { ok: true, options: asking }
  const ca = readAuthorities(tlsClientCaPath)
  return ca === null
    ? { ok: false, problem: `The file ${tlsClientCaPath} cannot be read, or holds no PEM certificate` }
    : { ok: true, options: { ...asking, ca } }
}

function readAuthorities(path: string): string | null {
  try {
    const text = readFileSync(path, 'utf8')
    new X509Certificate(text)
    createSecureContext({ ca: text })
    return text
  } catch {
    return null
  }
}
