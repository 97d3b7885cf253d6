import { X509Certificate } from 'node:crypto'
import { MAX_CERTIFICATE_BYTES } from '@credence/core'

const PEM = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]{1,16384})-----END CERTIFICATE-----\s*$/

/** The DER of one certificate, given as PEM or in base64; null: it is none, or more than one. */
export function derFrom(text: string): Uint8Array | null {
  const base64 = (PEM.exec(text)?.[1] ?? text).replace(/\s/g, '')
  const der = Buffer.from(base64, 'base64')
  if (der.length === 0 || der.length > MAX_CERTIFICATE_BYTES || der.toString('base64') !== base64) return null
  try {
    // OpenSSL overlooks what stands behind the certificate.
    return new X509Certificate(der).raw.equals(der) ? der : null
  } catch {
    return null
  }
}
