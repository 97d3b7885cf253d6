import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  certificateThumbprint,
  MAX_CERTIFICATE_BYTES,
  MAX_CHAIN_LENGTH,
  readClientCertificate,
} from './certificate-thumbprint.ts'
import type { RawHeaders } from './headers.ts'
import { checkProperty } from './testing/rounds.ts'

/** The certificate of RFC 9440 appendix A, which is the one of RFC 9421 appendix B.3. */
const FIELD = clientCertOf('B.3')
const DER = Buffer.from(FIELD.slice(1, -1), 'base64')

function clientCertOf(section: string): string {
  const path = resolve(import.meta.dirname, '../../../vectors/rfc9421/signatures.json')
  const { figures } = JSON.parse(readFileSync(path, 'utf8')) as {
    figures: { section: string; message: { headers: string[] } }[]
  }
  const { headers } = figures.find((figure) => figure.section === section)!.message
  return headers[headers.indexOf('Client-Cert') + 1]!
}

/** The certificate with a signature of so many bytes that all of it has `size`; nobody verifies it here. */
function certificateOf(size: number): Buffer {
  const signatureBytes = 74
  const signed = DER.subarray(4, -signatureBytes)
  const bits = Buffer.alloc(size - 8 - signed.length)
  return Buffer.concat([lengthOf(0x30, size - 4), signed, lengthOf(0x03, bits.length), bits])
}

/** Tag and length of DER, in the form for lengths of two bytes. */
function lengthOf(tag: number, length: number): Buffer {
  return Buffer.from([tag, 0x82, length >> 8, length & 0xff])
}

const fieldOf = (bytes: Uint8Array) => `:${Buffer.from(bytes).toString('base64')}:`
const read = (...headers: string[]) => readClientCertificate(headers)

function assertRefused(headers: RawHeaders, detail: RegExp): void {
  const reading = readClientCertificate(headers)
  assert.ok(!reading.ok && reading.code === 'BAD_REQUEST')
  assert.match(reading.detail, detail)
}

describe('the thumbprint of a certificate', () => {
  it('is the SHA-256 of its DER that OpenSSL finds too, base64url', () => {
    const { fingerprint256, raw } = new X509Certificate(DER)
    const expected = Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
    assert.equal(certificateThumbprint(raw), expected)
    assert.match(expected, /^[A-Za-z0-9_-]{43}$/)
  })

  it('is another once any byte is', () => {
    for (let at = 0; at < DER.length; at += 1) {
      const changed = Buffer.from(DER)
      changed[at]! ^= 1
      assert.notEqual(certificateThumbprint(changed), certificateThumbprint(DER))
    }
  })
})

describe('the client certificate of a proxy', () => {
  it('is read with its chain, in any case of the names and over several lines', () => {
    const reading = read(
      'client-cert',
      ` ${FIELD} `,
      'Client-Cert-Chain',
      `${FIELD},  ${FIELD}`,
      'CLIENT-CERT-CHAIN',
      FIELD,
    )
    assert.ok(reading.ok && reading.certificate !== null)
    assert.equal(reading.certificate.thumbprint, certificateThumbprint(DER))
    assert.deepEqual(Buffer.from(reading.certificate.der), DER)
    assert.equal(reading.certificate.chain.length, 3)
  })

  it('is none where the header is absent', () => {
    assert.deepEqual(read('X-Other', FIELD), { ok: true, certificate: null })
  })

  it('is refused where it stands twice, or only the chain is there', () => {
    assertRefused(['Client-Cert', FIELD, 'client-cert', FIELD], /more than one/)
    assertRefused(['Client-Cert', `${FIELD}, ${FIELD}`], /not one byte sequence/)
    assertRefused(['Client-Cert-Chain', FIELD], /without Client-Cert/)
  })

  it('is refused in another form: PEM, escaped PEM, bare base64, padding left out, parameters', () => {
    const base64 = FIELD.slice(1, -1)
    const pem = new X509Certificate(DER).toString()
    for (const text of [
      '',
      base64,
      `:${base64.replace(/=+$/, '')}:`,
      `${FIELD};a=1`,
      `"${base64}"`,
      encodeURIComponent(pem),
      pem,
      `${FIELD}x`,
    ]) {
      assertRefused(['Client-Cert', text], /not one byte sequence/)
    }
    assertRefused(['Client-Cert', fieldOf(Buffer.from(pem))], /not one X.509 certificate/)
  })

  it('is refused with anything before or behind it, cut short, or larger than certificates are', () => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.concat([DER, Buffer.alloc(1)]),
      Buffer.concat([DER, DER]),
      Buffer.concat([Buffer.alloc(1), DER]),
      DER.subarray(0, -1),
      Buffer.concat([DER, Buffer.alloc(MAX_CERTIFICATE_BYTES)]),
    ]) {
      assertRefused(['Client-Cert', fieldOf(bytes)], /not one X.509 certificate/)
      assertRefused(['Client-Cert', FIELD, 'Client-Cert-Chain', fieldOf(bytes)], /Client-Cert-Chain/)
    }
  })

  it('is read up to the size that is allowed, and not beyond', () => {
    const largest = certificateOf(MAX_CERTIFICATE_BYTES)
    assert.equal(largest.length, MAX_CERTIFICATE_BYTES)
    assert.ok(read('Client-Cert', fieldOf(largest)).ok)
    assert.ok(new X509Certificate(certificateOf(MAX_CERTIFICATE_BYTES + 1)), 'it is one, only too large')
    assertRefused(
      ['Client-Cert', fieldOf(certificateOf(MAX_CERTIFICATE_BYTES + 1))],
      /not one X.509 certificate/,
    )
  })

  it('is refused with a chain that is none, or longer than chains are', () => {
    const chain = (count: number) => Array.from({ length: count }, () => FIELD).join(', ')
    assert.ok(read('Client-Cert', FIELD, 'Client-Cert-Chain', chain(MAX_CHAIN_LENGTH)).ok)
    for (const text of [chain(MAX_CHAIN_LENGTH + 1), 'x', `(${FIELD})`, `${FIELD},`]) {
      assertRefused(['Client-Cert', FIELD, 'Client-Cert-Chain', text], /Client-Cert-Chain/)
    }
  })

  it('is never thrown at, whatever the headers are', () => {
    checkProperty(
      'anything for certificates',
      300,
      fc.property(
        fc.string(),
        fc.uint8Array(),
        fc.nat(DER.length - 1),
        fc.nat(255),
        (text, bytes, at, value) => {
          const changed = Buffer.from(DER)
          changed[at] = value
          assert.ok(!read('Client-Cert', text).ok)
          assert.ok(!read('Client-Cert', fieldOf(bytes)).ok)
          assert.equal(typeof read('Client-Cert', fieldOf(changed), 'Client-Cert-Chain', text).ok, 'boolean')
        },
      ),
    )
  })
})
