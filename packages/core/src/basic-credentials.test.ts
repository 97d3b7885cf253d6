import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  type BasicReading,
  presentsClient,
  readBasicCredentials,
  usernameProblem,
} from './basic-credentials.ts'
import { preparePassword } from './password-rules.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

function encoded(text: string | Uint8Array): string {
  return Buffer.from(text as string).toString('base64')
}

function read(text: string | Uint8Array): BasicReading {
  return readBasicCredentials(encoded(text))
}

function problemOf(reading: BasicReading): string {
  return reading.ok ? 'none' : reading.problem
}

function user(username: string, password: string): BasicReading {
  return { ok: true, credentials: { type: 'basic', username, password } }
}

function client(clientId: string, clientSecret: string): BasicReading {
  return { ok: true, credentials: { type: 'client_secret', clientId, clientSecret } }
}

describe('the credentials of Basic', () => {
  test('are read as the examples of RFC 7617 sections 2 and 2.1 say', () => {
    assert.deepEqual(readBasicCredentials('QWxhZGRpbjpvcGVuIHNlc2FtZQ=='), user('Aladdin', 'open sesame'))
    assert.deepEqual(readBasicCredentials('dGVzdDoxMjPCow=='), user('test', '123£'))
  })

  test('are split at the first colon, so a password may have more of them', () => {
    assert.deepEqual(read('ann:a:b::'), user('ann', 'a:b::'))
  })

  test('must be base64 as RFC 4648 section 4 writes it, in its one spelling', () => {
    const [padded, unpadded, urlSafe] = ['YW5uOmE=', 'YW5uOmE', 'YW5uOj8_']
    assert.deepEqual(readBasicCredentials(padded), user('ann', 'a'))
    const wrong = [
      unpadded,
      urlSafe,
      'YW5uOmE==',
      'YW5uOmF=',
      'YW5uOmE=YW5u',
      'YW5 uOmE=',
      '=',
      'A',
      'YW5uOm\nE=',
    ]
    for (const token of wrong) {
      assert.equal(problemOf(readBasicCredentials(token)), 'not base64 with its padding', token)
    }
  })

  test('must be UTF-8: Latin-1, overlong forms and surrogates are refused, not replaced', () => {
    const head = [...Buffer.from('ann:')]
    for (const bytes of [[0xa3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
      assert.equal(problemOf(read(Uint8Array.from([...head, ...bytes]))), 'not UTF-8')
    }
  })

  test('have two halves, neither empty, and no control character in either', () => {
    assert.equal(problemOf(read('ann')), 'no colon between the two halves')
    assert.equal(problemOf(read('')), 'no colon between the two halves')
    assert.equal(problemOf(read(':secret')), 'nothing before the colon')
    assert.equal(problemOf(read('ann:')), 'nothing after the colon')
    for (const control of ['\0', '\t', '\r', '\n', '\x1f', '\x7f', '\x85']) {
      assert.equal(problemOf(read(`a${control}nn:secret`)), 'a control character')
      assert.equal(problemOf(read(`ann:sec${control}ret`)), 'a control character')
      const hidden = encodeURIComponent(control)
      assert.equal(problemOf(read(`cli_a:sec${hidden}ret`)), 'a control character', 'form-encoded too')
    }
  })

  test('are the same however an accent or a space was typed', () => {
    assert.deepEqual(
      read('rene\u0301:caf\u0065\u0301\u00a0au\u3000lait'),
      user('ren\u00e9', 'caf\u00e9 au lait'),
    )
  })

  test('are bounded, before anything slow is done with them', () => {
    assert.equal(problemOf(readBasicCredentials('A'.repeat(2561))), 'longer than 2560 characters')
    assert.equal(read(`ann:${'\u{1f511}'.repeat(256)}`).ok, true)
    assert.equal(
      problemOf(read(`ann:${'\u{1f511}'.repeat(257)}`)),
      'the password is longer than 256 characters',
    )
    assert.match(problemOf(read(`${'a'.repeat(129)}:x`)), /1 to 128 characters/)
    assert.equal(
      problemOf(read(`cli_a:${'x'.repeat(257)}`)),
      'the client secret is longer than 256 characters',
    )
  })

  test('are a client’s where the username begins with cli_, and only then form-decoded', () => {
    assert.deepEqual(read('cli_8Xb:a%2Bb+c%3A%C2%A3'), client('cli_8Xb', 'a+b c:£'))
    assert.deepEqual(read('ann:a%2Bb+c'), user('ann', 'a%2Bb+c'))
    assert.deepEqual(read('CLI_8Xb:a%2Bb+c'), user('CLI_8Xb', 'a%2Bb+c'))
    assert.deepEqual(
      read('cli_8Xb:only:once'),
      client('cli_8Xb', 'only:once'),
      'a client that encodes nothing',
    )
  })

  test('of a client must be form-encoded UTF-8', () => {
    for (const secret of ['100%', '%2', '%zz', '%C2', '%ED%A0%80', 'naïve', 'two words']) {
      assert.equal(
        problemOf(read(`cli_a:${secret}`)),
        'the client secret is not form-encoded (RFC 6749 section 2.3.1)',
        secret,
      )
    }
    for (const id of ['cli_', 'cli_%', 'cli_a%20b', 'cli_a/b', 'cli_ä']) {
      assert.equal(problemOf(read(`${id}:secret`)), 'the client id is not one', id)
    }
  })
})

describe('properties of the credentials of Basic', () => {
  const character = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })
  const visible = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 24 })
  const username = visible
    .map((text) => text.normalize('NFC'))
    .filter((text) => usernameProblem(text) === null)
  // Colons are few among all characters, and what a reader could go wrong on.
  const parted = fc.tuple(visible, visible).map((parts) => parts.join(':'))
  const password = fc
    .oneof(visible, parted)
    .map(preparePassword)
    .filter((text) => !/\p{Cc}/u.test(text))

  const roundTrip = (reader: typeof readBasicCredentials) =>
    fc.property(username, password, (name, secret) => {
      assert.deepEqual(reader(encoded(`${name}:${secret}`)), user(name, secret))
    })
  const clientRoundTrip = (reader: typeof readBasicCredentials) =>
    fc.property(fc.stringMatching(/^cli_[0-9A-Za-z]{1,20}$/), password, (id, secret) => {
      const form = new URLSearchParams({ '': secret }).toString().slice(1)
      assert.deepEqual(reader(encoded(`${id}:${form}`)), client(id, secret))
    })

  test('what a client of RFC 7617 writes is what is read', () => {
    checkProperty('basic round trip', 1000, roundTrip(readBasicCredentials))
    const lastColon = (token: string): BasicReading => {
      const text = Buffer.from(token, 'base64').toString()
      const colon = text.lastIndexOf(':')
      return user(text.slice(0, colon), text.slice(colon + 1))
    }
    assert.ok(refutes(5000, roundTrip(lastColon)), 'a split at the last colon is seen to be wrong')
  })

  test('what a client of RFC 6749 writes is what is read', () => {
    checkProperty('client round trip', 1000, clientRoundTrip(readBasicCredentials))
    const asUser = (token: string): BasicReading => {
      const [id, secret] = Buffer.from(token, 'base64').toString().split(/:(.*)/s)
      return client(id!, secret!)
    }
    assert.ok(refutes(1000, clientRoundTrip(asUser)), 'one that decodes no form is seen to be wrong')
  })

  test('that are a client’s are told by their first bytes, as the reading of the whole would', () => {
    const agrees = (tells: (token: string) => boolean) =>
      fc.property(
        fc.constantFrom('cli_', 'cli', 'Cli_', 'acli_', 'cli%5F'),
        fc.stringMatching(/^[a-z0-9]{0,9}$/),
        (head, rest) => {
          const token = encoded(`${head}${rest}x:crd_live_cs_1`)
          const reading = readBasicCredentials(token)
          assert.ok(reading.ok)
          return tells(token) === (reading.credentials.type === 'client_secret')
        },
      )
    checkProperty('clients by their first bytes', 500, agrees(presentsClient))
    assert.ok(
      refutes(
        100,
        agrees((token) => token.startsWith('Y2xp')),
      ),
      'three bytes are too few',
    )
  })

  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(character, { maxLength: 20 }).map((characters) => encoded(characters.join(''))),
    fc.uint8Array({ maxLength: 40 }).map(encoded),
    fc
      .tuple(fc.constantFrom('ann:', 'cli_a:', ':', 'cli_%'), fc.uint8Array({ maxLength: 20 }))
      .map(([head, tail]) => encoded(Buffer.concat([Buffer.from(head), tail]))),
  )
  const secretive = (reader: typeof readBasicCredentials) =>
    fc.property(anything, fc.stringMatching(/^[A-Z]{8}$/), (token, secret) => {
      for (const one of [
        token,
        encoded(`a\u0000:${secret}`),
        encoded(secret),
        `${encoded(`ann:${secret}`)}*`,
      ]) {
        const reading = reader(one)
        if (reading.ok) assert.doesNotMatch(JSON.stringify(reading.credentials), /\p{Cc}/u)
        else assert.ok(!reading.problem.includes(secret), 'a problem quotes nothing of what was presented')
      }
    })

  test('whatever is presented is read or refused, never thrown at, and no refusal quotes it', () => {
    checkProperty('basic garbage', 2000, secretive(readBasicCredentials))
    const talkative = (token: string): BasicReading => {
      const reading = readBasicCredentials(token)
      return reading.ok
        ? reading
        : { ok: false, problem: `${reading.problem}: ${Buffer.from(token, 'base64')}` }
    }
    assert.ok(refutes(100, secretive(talkative)), 'one that quotes is seen to be wrong')
  })
})

describe('a username', () => {
  test('is visible characters in NFC without colon, and no client id', () => {
    for (const name of ['ann', 'Ann.O-Neill+x@example.com', 'CORP\\ann', '安娜', 'é', 'a'.repeat(128)]) {
      assert.equal(usernameProblem(name), null, name)
    }
    const wrong = [
      '',
      'a b',
      'a:b',
      'cli_a',
      'e\u0301',
      'a\u202eb',
      'a\u200bb',
      'a\nb',
      'a\u00a0b',
      'a'.repeat(129),
    ]
    for (const name of wrong) assert.notEqual(usernameProblem(name), null, JSON.stringify(name))
  })
})
