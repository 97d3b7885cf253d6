import { createHash, X509Certificate } from 'node:crypto'
import { headerValues, type RawHeaders } from './headers.ts'
import { bytesOf, readItem, readList } from './structured-field.ts'
import type { DenialCode } from './verdict.ts'

/** Most bytes of a certificate: one with RSA 4096 and many names has some 3000. */
export const MAX_CERTIFICATE_BYTES = 8192
/** Most certificates of a chain; TLS stacks stop at ten. */
export const MAX_CHAIN_LENGTH = 10

export interface ClientCertificate {
  /** `x5t#S256` (RFC 8705 section 3.1). */
  readonly thumbprint: string
  readonly der: Uint8Array
  /** Issuers in their order as the proxy sent them, which is no proof that they are. */
  readonly chain: readonly Uint8Array[]
}

export type ClientCertificateReading =
  /** Null: the proxy says that the client showed none. */
  | { readonly ok: true; readonly certificate: ClientCertificate | null }
  | { readonly ok: false; readonly code: DenialCode; readonly detail: string }

/** `x5t#S256` of RFC 8705 section 3.1: SHA-256 of the certificate's DER, base64url. */
export function certificateThumbprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('base64url')
}

/**
 * Reads `Client-Cert` and `Client-Cert-Chain` (RFC 9440), which only a trusted proxy may be asked for: from anybody
 * else they are whatever they wrote. Checked is the form: one header, one byte sequence, one X.509 certificate and
 * nothing behind it. Whether the client holds the key, who issued the certificate, and whether it is in time is
 * what the handshake decided, where alone it can be; what is bound to a thumbprint takes this certificate and no other.
 * Takes any headers; never throws.
 */
export function readClientCertificate(headers: RawHeaders): ClientCertificateReading {
  const leaves = headerValues(headers, 'client-cert')
  const chains = headerValues(headers, 'client-cert-chain')
  if (leaves.length === 0) {
    // RFC 9440 section 2.3: without the certificate there is no chain.
    return chains.length === 0
      ? { ok: true, certificate: null }
      : refused('Client-Cert-Chain without Client-Cert')
  }
  if (leaves.length > 1) return refused('more than one Client-Cert')
  const der = bytesOf(readItem(leaves[0]!))
  if (der === null) return refused('Client-Cert is not one byte sequence')
  if (!isCertificate(der)) return refused('Client-Cert is not one X.509 certificate')
  const chain = chains.length === 0 ? [] : readChain(chains.join(', '))
  if (chain === null) return refused('Client-Cert-Chain is not a list of X.509 certificates')
  return { ok: true, certificate: { thumbprint: certificateThumbprint(der), der, chain } }
}

function readChain(text: string): readonly Uint8Array[] | null {
  const list = readList(text)
  if (list === null || list.length > MAX_CHAIN_LENGTH) return null
  const chain: Uint8Array[] = []
  for (const member of list) {
    const der = bytesOf(member)
    if (der === null || !isCertificate(der)) return null
    chain.push(der)
  }
  return chain
}

function isCertificate(der: Uint8Array): boolean {
  if (der.length > MAX_CERTIFICATE_BYTES) return false
  try {
    // OpenSSL also takes PEM, and overlooks what stands behind the certificate: either would be a second spelling.
    return new X509Certificate(der).raw.equals(der)
  } catch {
    return false
  }
}

function refused(detail: string): ClientCertificateReading {
  return { ok: false, code: 'BAD_REQUEST', detail }
}
