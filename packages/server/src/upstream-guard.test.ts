import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IpRange, parseIpRange } from '@credence/core'
import { guardedLookup, type UpstreamRules, upstreamProblem } from './upstream-guard.ts'

const LOOPBACK = ranges('127.0.0.0/8', '::1')
const RULES: UpstreamRules = {
  allow: LOOPBACK,
  listeners: [
    { name: 'api', host: '127.0.0.1', port: 6749 },
    { name: 'gateway', host: '0.0.0.0', port: 6750 },
  ],
  localAddresses: () => ['127.0.0.1', '198.51.100.7', 'fe80::1%eth0'],
}

function ranges(...texts: string[]): IpRange[] {
  return texts.map((text) => parseIpRange(text)!)
}

function resolvingTo(...addresses: string[]) {
  return async () => addresses
}

function problemOf(url: string, addresses: string[] = [], allow = LOOPBACK) {
  return upstreamProblem(url, { ...RULES, allow, resolve: resolvingTo(...addresses) })
}

test('an upstream is an http or https URL of a host and a port, and nothing else', async () => {
  for (const url of [
    'ftp://93.184.215.14',
    'file:///etc/passwd',
    'gopher://93.184.215.14',
    'unix:/var/run/docker.sock',
    'http://user@93.184.215.14',
    'http://user:word@93.184.215.14',
    'http://93.184.215.14/path',
    'http://93.184.215.14/?q',
    'http://93.184.215.14?',
    'http://93.184.215.14#',
    'http://93.184.215.14\\@127.0.0.1',
    'orders.example:9000',
    'not a url',
    '',
  ]) {
    assert.notEqual(await problemOf(url), null, url)
  }
  assert.equal(await problemOf('http://93.184.215.14:9000'), null)
  assert.equal(await problemOf('https://93.184.215.14/'), null)
})

test('special-use addresses are refused in every spelling, unless they are allowed', async () => {
  for (const host of [
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '2852039166',
    '0xa9fea9fe',
    '0251.0376.0251.0376',
    '[::]',
    '[fe80::1]',
    '[fc00::1]',
    '[::ffff:169.254.169.254]',
    '[64:ff9b::a9fe:a9fe]',
    '[2002:a9fe:a9fe::]',
  ]) {
    assert.match((await problemOf(`http://${host}:9000`)) ?? 'none', /special-use/, host)
  }
  assert.equal(await problemOf('http://127.0.0.1:9000'), null)
  assert.equal(await problemOf('http://127.1:9000'), null)
  assert.equal(await problemOf('http://[::1]:9000'), null)
  assert.equal(await problemOf('http://[::ffff:127.0.0.1]:9000'), null)
  assert.match((await problemOf('http://127.0.0.1:9000', [], [])) ?? 'none', /special-use/)
  assert.equal(await problemOf('http://10.1.2.3:9000', [], ranges('10.0.0.0/8')), null)
})

test('every address of a name is checked, not only the first', async () => {
  assert.equal(await problemOf('http://orders.example:9000', ['93.184.215.14', '2606:2800:21f::1']), null)
  for (const bad of ['10.0.0.1', '169.254.169.254', 'fe80::1', '::ffff:10.0.0.1', 'fe80::1%eth0']) {
    assert.notEqual(await problemOf('http://orders.example:9000', ['93.184.215.14', bad]), null, bad)
  }
})

test("Credence's own listeners are refused by every address of this machine, even when it is allowed", async () => {
  const everything = ranges('0.0.0.0/0', '::/0')
  for (const url of [
    'http://127.0.0.1:6749',
    'http://127.8.8.8:6749',
    'http://0.0.0.0:6750',
    'http://[::]:6750',
    'http://[::1]:6750',
    'http://[::ffff:127.0.0.1]:6749',
    'http://198.51.100.7:6750',
    'http://[fe80::1]:6750',
  ]) {
    assert.match((await problemOf(url, [], everything)) ?? 'none', /own listeners/, url)
  }
  assert.match(
    (await problemOf('http://me.example:6749', ['127.0.0.1'], everything)) ?? 'none',
    /own listeners/,
  )
  assert.equal(await problemOf('http://127.0.0.1:6748', [], everything), null)
  assert.equal(await problemOf('http://93.184.215.14:6749', [], everything), null)
})

test('a default port counts as the port it stands for', async () => {
  const rules = { ...RULES, listeners: [{ name: 'gateway', host: '127.0.0.1', port: 443 }] as const }
  const problem = await upstreamProblem('https://127.0.0.1', { ...rules, resolve: resolvingTo() })
  assert.match(problem ?? 'none', /own listeners/)
})

test('a name that does not resolve yet is no problem: every connection is checked again', async () => {
  const resolve = async () => {
    throw new Error('ENOTFOUND')
  }
  assert.equal(await upstreamProblem('http://later.example', { ...RULES, resolve }), null)
})

function lookUp(addresses: string[], options: { all?: boolean; family?: number }, port = 9000) {
  const lookup = guardedLookup(port, resolvingTo(...addresses), RULES)
  return new Promise<unknown>((resolve, reject) => {
    lookup('orders.example', options, (error, address) => (error === null ? resolve(address) : reject(error)))
  })
}

test('the look-up of a connection hands back the very addresses it checked, or none', async () => {
  assert.equal(await lookUp(['93.184.215.14'], {}), '93.184.215.14')
  assert.deepEqual(await lookUp(['93.184.215.14', '2606:2800:21f::1'], { all: true }), [
    { address: '93.184.215.14', family: 4 },
    { address: '2606:2800:21f::1', family: 6 },
  ])
  assert.equal(await lookUp(['93.184.215.14', '2606:2800:21f::1'], { family: 6 }), '2606:2800:21f::1')
  await assert.rejects(lookUp(['93.184.215.14', '10.0.0.1'], { all: true }), { code: 'UPSTREAM_REFUSED' })
  await assert.rejects(lookUp(['127.0.0.1'], {}, 6749), { code: 'UPSTREAM_REFUSED' })
  await assert.rejects(lookUp([], {}), { code: 'UPSTREAM_REFUSED' })
})
