import assert from 'node:assert/strict'
import { isIPv4, isIPv6 } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  clientIp,
  formatIp,
  type Ip,
  type IpRange,
  ipInRange,
  ipInRanges,
  isSpecialUse,
  parseIp,
  parseIpRange,
} from './ip.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

function ip(text: string): Ip {
  const parsed = parseIp(text)
  assert.ok(parsed, text)
  return parsed
}

function range(text: string): IpRange {
  const parsed = parseIpRange(text)
  assert.ok(parsed, text)
  return parsed
}

describe('addresses', () => {
  test('are read in one form and written in one form', () => {
    const rows: [text: string, canonical: string][] = [
      ['192.0.2.1', '192.0.2.1'],
      ['0.0.0.0', '0.0.0.0'],
      ['255.255.255.255', '255.255.255.255'],
      ['::1', '::1'],
      ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['::FFFF:c000:201', '192.0.2.1'],
      ['0:0:0:0:0:ffff:10.0.0.1', '10.0.0.1'],
      ['::10.0.0.1', '::a00:1'],
    ]
    for (const [text, canonical] of rows) assert.equal(formatIp(ip(text)), canonical)
  })

  test('what two parsers could read differently is no address', () => {
    const refused = [
      ...[
        '',
        '1',
        '1.2.3',
        '1.2.3.4.5',
        '01.2.3.4',
        '1.2.3.04',
        '0x7f.0.0.1',
        '2130706433',
        '1.2.3.256',
        '1..2.3',
      ],
      ...['1.2.3.', '.1.2.3', ' 1.2.3.4', '1.2.3.4\n', '1.2.3.4/32', '1.2.3.4:80', '１.2.3.4', '999.1.1.1'],
      ...[
        'fe80::1%eth0',
        '[::1]',
        ':',
        ':::',
        '1::2::3',
        '::ffff:010.0.0.1',
        '::ffff:1.2.3',
        '12345::',
        'g::1',
      ],
      ...['1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:1.2.3.4', '::1\u0000', '::0x1', '::1.2.3.4:1'],
    ]
    for (const text of refused) assert.equal(parseIp(text), null, JSON.stringify(text))
  })

  test('agrees with the parser of Node on every text of their letters', () => {
    const piece = fc.constantFrom('0', '1', '9', '25', '255', '256', 'f', 'ffff', '.', '.', ':', ':', '::')
    const text = fc.oneof(
      fc.array(piece, { maxLength: 16 }).map((pieces) => pieces.join('')),
      fc.ipV4(),
      fc.ipV6(),
      fc.ipV4Extended(),
    )
    const agrees = (parse: (text: string) => unknown) =>
      fc.property(text, (one) => {
        assert.equal(parse(one) !== null, isIPv4(one) || isIPv6(one), one)
      })
    checkProperty('parseIp = node:net', 20_000, agrees(parseIp))
    const naive = (one: string) => (/^\d+(\.\d+){3}$/.test(one) || one.includes(':') ? one : null)
    assert.ok(refutes(20_000, agrees(naive)))
  })

  test('writing and reading again changes nothing', () => {
    checkProperty(
      'formatIp and parseIp',
      5000,
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const once = ip(text)
        assert.deepEqual(parseIp(formatIp(once)), once)
      }),
    )
  })
})

describe('ranges', () => {
  test('are an address or a prefix without host bits', () => {
    assert.equal(range('10.0.0.1').prefixBits, 32)
    assert.equal(range('::1').prefixBits, 128)
    assert.equal(range('0.0.0.0/0').prefixBits, 0)
    assert.deepEqual(range('::ffff:10.0.0.0/104'), range('10.0.0.0/8'))
    const refused = [
      ...[
        '10.0.0.1/8',
        '10.0.0.0/33',
        '10.0.0.0/-1',
        '10.0.0.0/08',
        '10.0.0.0/',
        '10.0.0.0/8/8',
        '/8',
        '10/8',
      ],
      ...['2001:db8::1/64', '::/129', '10.0.0.0/255.0.0.0', '::ffff:0:0/80', '10.0.0.0/1e1', '10.0.0.0/ 8'],
    ]
    for (const text of refused) assert.equal(parseIpRange(text), null, text)
  })

  test('hold exactly the addresses that share their prefix', () => {
    const rows: [range: string, ip: string, holds: boolean][] = [
      ['10.0.0.0/8', '10.255.0.1', true],
      ['10.0.0.0/8', '11.0.0.0', false],
      ['192.0.2.128/25', '192.0.2.127', false],
      ['192.0.2.128/25', '192.0.2.128', true],
      ['0.0.0.0/0', '203.0.113.9', true],
      ['::/0', '203.0.113.9', false],
      ['::/0', '::ffff:203.0.113.9', false],
      ['0.0.0.0/0', '::1', false],
      ['2001:db8::/33', '2001:db8:7fff::1', true],
      ['2001:db8::/33', '2001:db8:8000::1', false],
      ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ]
    for (const [text, address, holds] of rows) {
      assert.equal(ipInRange(ip(address), range(text)), holds, `${address} in ${text}`)
    }
    assert.equal(ipInRanges(ip('10.0.0.1'), []), false)
    assert.equal(ipInRanges(ip('10.0.0.1'), [range('::1'), range('10.0.0.0/24')]), true)
  })

  test('agree with arithmetic on the bits', () => {
    const bitsOf = (one: Ip) => one.groups.reduce((bits, group) => (bits << 16n) | BigInt(group), 0n)
    const pair = fc.oneof(
      fc.tuple(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 })),
      fc.tuple(fc.ipV6(), fc.ipV6(), fc.integer({ min: 0, max: 128 })),
    )
    const agrees = (holds: typeof ipInRange) =>
      fc.property(pair, fc.boolean(), ([first, second, wanted], near) => {
        const base = ip(first)
        const width = base.groups.length * 16
        const prefixBits = Math.min(wanted, width)
        const shift = BigInt(width - prefixBits)
        const network = (bitsOf(base) >> shift) << shift
        const groups = base.groups.map((_, index) =>
          Number((network >> BigInt(width - 16 * (index + 1))) & 0xffffn),
        )
        const other = ip(second)
        fc.pre(other.version === base.version)
        const probe = near ? base : other
        const expected = bitsOf(probe) >> shift === network >> shift
        assert.equal(holds(probe, { version: base.version, groups, prefixBits }), expected)
        const text = `${formatIp({ version: base.version, groups })}/${prefixBits}`
        assert.deepEqual(parseIpRange(text), { version: base.version, groups, prefixBits })
      })
    checkProperty('ipInRange = bits', 5000, agrees(ipInRange))
    const wholeGroups: typeof ipInRange = (one, { groups, prefixBits }) =>
      groups.slice(0, prefixBits >> 4).every((group, index) => group === one.groups[index])
    assert.ok(refutes(5000, agrees(wholeGroups)), 'comparing whole groups only is seen to be wrong')
  })
})

describe('special-use addresses', () => {
  test('everything that is not one host on the public Internet is special', () => {
    const special = [
      ...['0.0.0.0', '0.1.2.3', '10.1.1.1', '100.64.0.1', '127.0.0.1', '127.255.255.254', '169.254.169.254'],
      ...[
        '172.16.0.1',
        '172.31.255.255',
        '192.0.0.8',
        '192.0.2.1',
        '192.88.99.1',
        '192.168.1.1',
        '198.18.0.1',
      ],
      ...['198.19.255.255', '198.51.100.1', '203.0.113.1', '224.0.0.1', '239.255.255.255', '240.0.0.1'],
      ...[
        '255.255.255.255',
        '::',
        '::1',
        '::ffff:127.0.0.1',
        '::127.0.0.1',
        '64:ff9b::7f00:1',
        '64:ff9b:1::1',
      ],
      ...[
        '100::1',
        '2001::1',
        '2001:2::1',
        '2001:10::1',
        '2001:20::1',
        '2001:db8::1',
        '2002:7f00:1::1',
        '3fff::1',
      ],
      ...[
        'fc00::1',
        'fd00:ec2::254',
        'fe80::1',
        'fec0::1',
        'ff02::1',
        '5f00::1',
        '4000::1',
        '::ffff:0:127.0.0.1',
      ],
    ]
    for (const text of special) assert.ok(isSpecialUse(ip(text)), text)
    const plain = [
      '1.1.1.1',
      '8.8.8.8',
      '93.184.216.34',
      '172.32.0.1',
      '100.128.0.1',
      '2606:4700::1111',
      '2a00::1',
    ]
    for (const text of plain) assert.ok(!isSpecialUse(ip(text)), text)
  })
})

describe('the client behind proxies', () => {
  const trusted = [range('10.0.0.0/8'), range('fd00::/8')]

  test('an untrusted peer is the client, whatever it says', () => {
    assert.equal(clientIp('203.0.113.9', ['10.0.0.1', '1.1.1.1'], trusted), '203.0.113.9')
    assert.equal(clientIp('10.0.0.1', ['1.1.1.1'], []), '10.0.0.1')
  })

  test('the first address from the right that is not a trusted proxy is the client', () => {
    const rows: [forwardedFor: string[], client: string | null][] = [
      [[], '10.0.0.1'],
      [['1.1.1.1'], '1.1.1.1'],
      [['6.6.6.6, 1.1.1.1'], '1.1.1.1'],
      [['6.6.6.6, 1.1.1.1, 10.0.0.2', 'fd00::1'], '1.1.1.1'],
      [['1.1.1.1', '10.0.0.2'], '1.1.1.1'],
      [['10.0.0.3, 10.0.0.2'], '10.0.0.3'],
      [['::ffff:1.1.1.1'], '1.1.1.1'],
      [['1.1.1.1:4711'], '1.1.1.1'],
      [['[2a00::1]:4711', ' [fd00::2] '], '2a00::1'],
      [[', 1.1.1.1 ,,'], '1.1.1.1'],
      [['6.6.6.6, unknown'], null],
      [['6.6.6.6, 010.0.0.1'], null],
      [['', ','], '10.0.0.1'],
    ]
    for (const [forwardedFor, client] of rows) {
      assert.equal(clientIp('10.0.0.1', forwardedFor, trusted), client, JSON.stringify(forwardedFor))
    }
    assert.equal(clientIp('::ffff:10.0.0.1', ['1.1.1.1'], trusted), '1.1.1.1')
    assert.equal(clientIp('fd00::1%eth0', ['1.1.1.1'], trusted), '1.1.1.1')
    assert.equal(clientIp('', ['1.1.1.1'], trusted), null)
  })

  test('nothing a caller puts into the header moves the answer away from what the proxy saw', () => {
    const spoofed = fc.array(
      fc.oneof(fc.constantFrom('10.0.0.9', '1.1.1.1', 'unknown', '', ',', ' '), fc.ipV4(), fc.string()),
      { maxLength: 5 },
    )
    const holds = (client: typeof clientIp) =>
      fc.property(spoofed, fc.boolean(), (entries, joined) => {
        const seen = '198.51.100.7'
        const header = joined ? [[...entries, seen].join(', ')] : [...entries, seen]
        assert.equal(client('10.0.0.1', header, trusted), seen)
      })
    checkProperty('clientIp', 3000, holds(clientIp))
    const leftmost: typeof clientIp = (_, header) => header.join(',').split(',')[0]?.trim() ?? null
    assert.ok(refutes(3000, holds(leftmost)), 'taking the leftmost entry is seen to be wrong')
  })
})
