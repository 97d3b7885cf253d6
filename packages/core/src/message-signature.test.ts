import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Item, parseItem } from 'structured-headers'
import { checkMessageSignature, type ExpectedMessageSignature } from './check-message-signature.ts'
import { checkContentDigest } from './content-digest.ts'
import { type Jwk, readJwk, type VerificationKey } from './jwk.ts'
import { componentValue, type SignedRequest } from './message-component.ts'
import {
  MESSAGE_ALGORITHMS,
  type MessageAlgorithm,
  messageSignatureVerifies,
  readSignatures,
  signatureBase,
} from './message-signature.ts'
import { sampleKey, signBytes } from './testing/jws-samples.ts'
import { checkProperty } from './testing/rounds.ts'

const VECTORS = resolve(import.meta.dirname, '../../../vectors/rfc9421')

function read<T>(name: string): T {
  return JSON.parse(readFileSync(`${VECTORS}/${name}.json`, 'utf8')) as T
}

interface Figure {
  readonly section: string
  readonly message: SignedRequest & { readonly content: string }
  readonly isResponse?: boolean
  readonly label: string
  readonly algorithm: MessageAlgorithm
  readonly keyid: string
  readonly base: readonly string[]
  readonly signatureInput: string
  readonly signature: string
  readonly holds: boolean
  readonly policy: string | null
}

const KEYS = new Map(
  read<{ keys: { id: string; pem?: string[]; secretBase64?: string }[] }>('keys').keys.map((key) => {
    const jwk: Jwk = key.pem
      ? (createPublicKey(key.pem.join('\n')).export({ format: 'jwk' }) as Jwk)
      : { kty: 'oct', k: Buffer.from(key.secretBase64!, 'base64').toString('base64url') }
    return [key.id, keyOf(jwk)]
  }),
)
const { figures, created } = read<{ created: number; figures: Figure[] }>('signatures')

function keyOf(jwk: unknown): VerificationKey {
  const reading = readJwk(jwk)
  assert.ok(reading.ok)
  return reading.key
}

function requestOf({ message, signatureInput, signature }: Figure): SignedRequest {
  const added = ['Signature-Input', signatureInput, 'Signature', signature]
  return { ...message, headers: [...message.headers, ...added] }
}

/** What is found in the message, and its base. */
function readOne(request: SignedRequest) {
  const signatures = readSignatures(request.headers)
  assert.ok(Array.isArray(signatures) && signatures.length === 1)
  const [signature] = signatures
  return { signature, base: signatureBase(request, signature) }
}

function holds(figure: Figure, request = requestOf(figure)): boolean {
  const { signature, base } = readOne(request)
  return (
    base.ok &&
    messageSignatureVerifies(figure.algorithm, KEYS.get(figure.keyid)!, base.base, signature.signature)
  )
}

describe('RFC 9421, appendix B', () => {
  it('is here with every example of it', () => {
    const sections = [
      'B.2.1',
      'B.2.2',
      'B.2.3',
      'B.2.4',
      'B.2.5',
      'B.2.6',
      'B.3',
      'B.4',
      'B.4',
      'B.4',
      'B.4',
      'B.4',
      'B.4',
    ]
    assert.deepEqual(
      figures.map(({ section }) => section.split(' ')[0]),
      sections,
    )
    assert.deepEqual(
      [...KEYS.keys()],
      ['test-key-rsa', 'test-key-rsa-pss', 'test-key-ecc-p256', 'test-key-ed25519', 'test-shared-secret'],
    )
  })

  for (const figure of figures) {
    it(`${figure.section}: has the base that the RFC prints, and its signature ${figure.holds ? 'holds' : 'does not'}`, () => {
      const text = figure.base.join('\n')
      const { signature, base } = readOne(requestOf(figure))
      const key = KEYS.get(figure.keyid)!
      assert.equal(messageSignatureVerifies(figure.algorithm, key, text, signature.signature), figure.holds)
      // A response is nothing that anybody presents to us.
      if (figure.isResponse)
        assert.deepEqual(base, { ok: false, problem: '"@status" is no component of a request' })
      else assert.deepEqual(base, { ok: true, base: text })
    })

    it(`${figure.section}: does not hold once any byte of the base or the signature is another`, () => {
      const { signature } = readOne(requestOf(figure))
      const key = KEYS.get(figure.keyid)!
      const bytes = Buffer.from(figure.base.join('\n'))
      for (let at = 0; at < bytes.length; at += 1) {
        const mutated = Buffer.from(bytes)
        mutated[at]! ^= 1
        const isHeld = messageSignatureVerifies(
          figure.algorithm,
          key,
          mutated.toString('latin1'),
          signature.signature,
        )
        assert.ok(!isHeld, `base at ${at}`)
      }
      for (let at = 0; at < signature.signature.length; at += 1) {
        const mutated = Buffer.from(signature.signature)
        mutated[at]! ^= 1
        assert.ok(
          !messageSignatureVerifies(figure.algorithm, key, bytes.toString(), mutated),
          `signature at ${at}`,
        )
      }
    })

    it(`${figure.section}: ${figure.policy ?? 'covers what is demanded'}`, () => {
      const expected: ExpectedMessageSignature = {
        key: KEYS.get(figure.keyid)!,
        algorithm: figure.algorithm,
        thumbprint: 't',
        keyId: figure.keyid,
        tag: figure.section === 'B.2.2' ? 'header-example' : null,
        credentialHeader: null,
        hasContent: figure.message.content !== '',
        isNonceDemanded: false,
      }
      const result = checkMessageSignature(requestOf(figure), expected, created * 1000)
      const detail = result.ok ? null : result.detail.replace('signature: ', '').split(':')[0]
      assert.equal(detail, figure.policy)
    })
  }

  it('holds under no other of its keys, and with no other algorithm', () => {
    for (const figure of figures.filter((one) => one.holds && !one.isResponse)) {
      const { signature } = readOne(requestOf(figure))
      const base = figure.base.join('\n')
      for (const [id, key] of KEYS) {
        for (const algorithm of MESSAGE_ALGORITHMS) {
          const isIts = id === figure.keyid && algorithm === figure.algorithm
          assert.equal(
            messageSignatureVerifies(algorithm, key, base, signature.signature),
            isIts,
            `${id} ${algorithm}`,
          )
        }
      }
    }
  })

  it('has contents whose digests are those of its headers', () => {
    for (const { section, message } of figures.filter(({ section: name }) => name.startsWith('B.2'))) {
      assert.deepEqual(
        checkContentDigest(message.headers, Buffer.from(message.content)),
        { ok: true },
        section,
      )
      assert.ok(!checkContentDigest(message.headers, Buffer.from(`${message.content} `)).ok)
    }
  })

  it('does not hold once the message it came with is another where it is covered', () => {
    const full = figures.find(({ section }) => section === 'B.2.3')!
    const request = requestOf(full)
    assert.ok(holds(full, request))
    for (const changed of [
      { method: 'PUT' },
      { authority: 'example.org' },
      { target: '/fooo?param=Value&Pet=dog' },
      { target: '/foo?param=value&Pet=dog' },
      { target: '/foo' },
      { headers: [...request.headers, 'Date', 'Tue, 20 Apr 2021 02:07:55 GMT'] },
      { headers: request.headers.map((text) => (text === '18' ? '19' : text)) },
      { headers: request.headers.map((text) => (text === 'Date' ? 'X-Date' : text)) },
    ]) {
      assert.ok(!holds(full, { ...request, ...changed }), JSON.stringify(changed))
    }
  })
})

describe('RFC 9421, sections 2.1 and 2.2', () => {
  const { components } = read<{
    components: (SignedRequest & { section: string; component: string; value: string })[]
  }>('components')
  for (const { section, component, value, ...request } of components) {
    it(`${section}: ${component} is ${JSON.stringify(value)}`, () => {
      assert.deepEqual(componentValue(request, parseItem(component)), { ok: true, value })
    })
  }
})

describe('a component', () => {
  const request: SignedRequest = {
    method: 'GET',
    scheme: 'https',
    authority: 'API.example:443',
    target: '/a?b=1&c=2&b=3',
    headers: [
      'X-Plain',
      'v',
      'X-Dict',
      'a=1,   b="x  y"',
      'Content-Digest',
      'sha-256=:YWJj:,   md5=:YQ==:',
      'X-Bytes',
      '\u00e9',
    ],
  }
  const valueIn = (component: string, changed: Partial<SignedRequest> = {}) => {
    const value = componentValue({ ...request, ...changed }, parseItem(component) as Item)
    return value.ok ? value.value : null
  }

  it('of an authority has no default port and no capitals', () => {
    assert.equal(valueIn('"@authority"'), 'api.example')
    assert.equal(valueIn('"@target-uri"'), 'https://api.example/a?b=1&c=2&b=3')
    assert.equal(valueIn('"@authority"', { scheme: 'http' }), 'api.example:443')
    assert.equal(valueIn('"@authority"', { authority: 'a@b' }), null)
  })

  it('in the form of a structured field is what is written of what was read', () => {
    assert.equal(valueIn('"content-digest";sf'), 'sha-256=:YWJj:, md5=:YQ==:')
    assert.equal(valueIn('"content-digest";key="md5"'), ':YQ==:')
    assert.equal(valueIn('"x-dict";key="b";sf'), '"x  y"')
    assert.equal(valueIn('"client-cert";sf', { headers: ['Client-Cert', ' :YQ==: '] }), ':YQ==:')
    assert.equal(
      valueIn('"client-cert-chain";sf', { headers: ['Client-Cert-Chain', ':YQ==:,:YQ==:'] }),
      ':YQ==:, :YQ==:',
    )
  })

  it('with bytes that no base may hold is signed as bytes or not at all', () => {
    assert.equal(valueIn('"x-bytes"'), null)
    assert.equal(valueIn('"x-bytes";bs'), ':6Q==:')
    assert.equal(valueIn('"x-bytes"', { headers: ['X-Bytes', 'a\n"@method": GET'] }), null)
    assert.equal(valueIn('"@method"', { method: 'GET\n' }), null)
  })

  it('that a request does not have once, or that has parameters it cannot have, has no value', () => {
    for (const component of [
      '"x-absent"',
      '"X-Plain"',
      '"x plain"',
      '""',
      '"@status"',
      '"@signature-params"',
      '"@unknown"',
      '"@method";req',
      '"@method";name="a"',
      '"@path";bs',
      '"x-plain";tr',
      '"x-plain";req',
      '"x-plain";bs;sf',
      '"x-plain";bs;key="a"',
      '"x-plain";bs=1',
      '"x-plain";sf="a"',
      '"x-plain";sf',
      '"x-plain";key="a"',
      '"x-dict";key="absent"',
      '"x-dict";key=a',
      '"@query-param"',
      '"@query-param";name="b"',
      '"@query-param";name="absent"',
      '"@query-param";name="c";bs',
      'token',
      '1',
    ]) {
      assert.ok(!componentValue(request, parseItem(component)).ok, component)
    }
    assert.equal(valueIn('"@query-param";name="c"'), '2')
    assert.equal(valueIn('"@path"', { target: '*' }), null)
  })
})

describe('the base of a request', () => {
  /** RFC 9421 section 2.5 once more, for parts that are written as they are meant. */
  const fields = fc.uniqueArray(
    fc.tuple(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), fc.stringMatching(/^[!-~]{0,9}$/)),
    {
      selector: ([name]) => name,
      maxLength: 5,
    },
  )
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST', 'PATCH'),
    authority: fc.stringMatching(/^[a-z]{1,8}(\.[a-z]{2,5})?$/),
    path: fc.stringMatching(/^\/[a-z0-9/._~-]{0,9}$/),
    query: fc.constantFrom('', '?', '?a=b', '?a=b&c=%20'),
    fields,
  })

  it('has one line for each component in the order in which they are covered, and the parameters last', () => {
    checkProperty(
      'bases',
      300,
      fc.property(
        request,
        fc.nat(),
        fc.integer({ min: 0, max: 999_999_999_999_999 }),
        ({ method, authority, path, query, fields }, turn, created) => {
          const lines: [string, string][] = [
            ['@method', method],
            ['@authority', authority],
            ['@path', path],
            ['@query', query === '' ? '?' : query],
            ['@request-target', path + query],
            ['@target-uri', `https://${authority}${path}${query}`],
            ...fields,
          ]
          const covered = [...lines.slice(turn % lines.length), ...lines.slice(0, turn % lines.length)]
          const params = `(${covered.map(([name]) => `"${name}"`).join(' ')});created=${created};keyid="k"`
          const expected = [
            ...covered.map(([name, value]) => `"${name}": ${value}`),
            `"@signature-params": ${params}`,
          ]
          const headers = [...fields.flat(), 'Signature-Input', `a=${params}`, 'Signature', 'a=:YQ==:']
          const { base } = readOne({ method, scheme: 'https', authority, target: path + query, headers })
          assert.deepEqual(base, { ok: true, base: expected.join('\n') })
        },
      ),
    )
  })
})

describe('the headers of signatures', () => {
  const names = (count: number) => Array.from({ length: count }, (_, index) => `"x${index}"`).join(' ')
  const answer = (input: string, signature = 'a=:YQ==:') =>
    readSignatures(['Signature-Input', input, 'Signature', signature])

  it('are read in one spelling, over any number of lines', () => {
    const signatures = readSignatures([
      'signature',
      'a=:YQ==:',
      'Signature-Input',
      'a=( "@method"   "x";bs );created=1;keyid="k"',
      'SIGNATURE-INPUT',
      'b=()',
      'Signature',
      ' b=:Yg==: ',
    ])
    assert.ok(Array.isArray(signatures))
    assert.deepEqual(
      signatures.map(({ label, signatureParams }) => [label, signatureParams]),
      [
        ['a', '("@method" "x";bs);created=1;keyid="k"'],
        ['b', '()'],
      ],
    )
    assert.equal(readSignatures(['X', 'y']), null)
  })

  it('are refused where two readers could find two signatures in them', () => {
    for (const [input, signature] of [
      ['', undefined],
      ['a=()', ''],
      ['a=(', undefined],
      ['a=()', 'a=:YQ:'],
      ['a=()', 'a=:YR==:'],
      ['a=()', 'a=YQ'],
      ['a=()', 'a=:YQ==:;x'],
      ['a=()', 'b=:YQ==:'],
      ['a=(), b=()', undefined],
      ['a=();created=1, a=();created=2', undefined],
      ['a=();created=1;created=2', undefined],
      ['a=();created=1.0', undefined],
      ['a=();created="1"', undefined],
      ['a=();created=1.5', undefined],
      ['a=();nonce=1', undefined],
      ['a=();keyid=:YQ==:', undefined],
      ['a=();unknown', undefined],
      [`a=();nonce="${'x'.repeat(257)}"`, undefined],
      ['a="@method"', undefined],
      ['a', undefined],
      ['a=("x" "x")', undefined],
      ['a=("x";bs;tr "x";tr;bs)', undefined],
      [`a=(${names(65)})`, undefined],
      [`a=()${';x'.repeat(9000)}`, undefined],
    ] as const) {
      assert.equal(typeof answer(input, signature), 'string', `${input} ${signature}`)
    }
    assert.equal(typeof readSignatures(['Signature-Input', 'a=()']), 'string')
    assert.equal(typeof readSignatures(['Signature', 'a=:YQ==:']), 'string')
  })

  it('may cover and say as much as is allowed, to the last of it', () => {
    assert.ok(Array.isArray(answer(`a=(${names(64)});nonce="${'x'.repeat(256)}"`)))
  })

  it('of more signatures than one request can need are refused', () => {
    const of = (count: number, value: string) =>
      Array.from({ length: count }, (_, index) => `s${index}=${value}`).join(', ')
    assert.ok(Array.isArray(answer(of(8, '()'), of(8, ':YQ==:'))))
    assert.equal(typeof answer(of(9, '()'), of(9, ':YQ==:')), 'string')
  })
})

describe('each algorithm', () => {
  const jws = {
    'rsa-pss-sha512': 'PS512',
    'rsa-v1_5-sha256': 'RS256',
    'hmac-sha256': 'HS256',
    'ecdsa-p256-sha256': 'ES256',
    'ecdsa-p384-sha384': 'ES384',
    ed25519: 'EdDSA',
  } as const

  it('holds what its key signs and nothing that another signs', () => {
    assert.deepEqual(Object.keys(jws).sort(), [...MESSAGE_ALGORITHMS].sort())
    for (const algorithm of MESSAGE_ALGORITHMS) {
      const { jwk, signer } = sampleKey(jws[algorithm])
      const signature = signBytes(jws[algorithm], signer, Buffer.from('base'))
      for (const other of MESSAGE_ALGORITHMS) {
        assert.equal(
          messageSignatureVerifies(other, keyOf(jwk), 'base', signature),
          other === algorithm,
          other,
        )
      }
      const stranger = keyOf(sampleKey(jws[algorithm], 'other').jwk)
      assert.ok(!messageSignatureVerifies(algorithm, stranger, 'base', signature))
      assert.ok(!messageSignatureVerifies(algorithm, keyOf(jwk), 'bas', signature))
    }
  })

  it('is used with a key that names it, by either name of Ed25519, and with none that names another', () => {
    const { jwk, signer } = sampleKey('RS256')
    const signature = signBytes('RS256', signer, Buffer.from('base'))
    assert.ok(messageSignatureVerifies('rsa-v1_5-sha256', keyOf({ ...jwk, alg: 'RS256' }), 'base', signature))
    assert.ok(
      !messageSignatureVerifies('rsa-v1_5-sha256', keyOf({ ...jwk, alg: 'PS512' }), 'base', signature),
    )
    const ed25519 = sampleKey('EdDSA')
    const bytes = signBytes('EdDSA', ed25519.signer, Buffer.from('base'))
    for (const alg of ['EdDSA', 'Ed25519']) {
      assert.ok(messageSignatureVerifies('ed25519', keyOf({ ...ed25519.jwk, alg }), 'base', bytes), alg)
    }
  })
})
