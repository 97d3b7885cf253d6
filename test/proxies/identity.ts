import { askSeen, bearer, type Check, type Door, Findings, protocolsOf, valuesOf } from './door.ts'
import type { Seen } from './upstream.ts'

const NAMES = ['Principal', 'Principal-Name', 'External-Id', 'Credential', 'Scopes', 'Workspace', 'Stale']

/** Every way in which a caller may say that it is somebody. */
const FORGERIES: Readonly<Record<string, readonly string[]>> = {
  'as they are': NAMES.map((name) => `X-Credence-${name}: forged`),
  'in lower case': NAMES.map((name) => `x-credence-${name.toLowerCase()}: forged`),
  'in upper case': NAMES.map((name) => `X-CREDENCE-${name.toUpperCase()}: forged`),
  twice: NAMES.flatMap((name) => [`X-Credence-${name}: forged`, `X-Credence-${name}: forged too`]),
  'with underscores': NAMES.map((name) => `X_Credence_${name.replace('-', '_')}: forged`),
  'with one underscore': NAMES.map((name) => `X-Credence_${name}: forged`),
  'with underscores in lower case': NAMES.map((name) => `x_credence_${name.toLowerCase()}: forged`),
  'with other punctuation': NAMES.flatMap((name) => [
    `X.Credence.${name}: forged`,
    `X'Credence~${name}: forged`,
  ]),
  'as the request id': ['X-Credence-Request-Id: forged', 'Credence-Request-Id: forged'],
}

/** Only Credence says who is calling, however the caller spells it and whichever protocol it speaks. */
export const identityCheck: Check = async (door) => {
  const findings = new Findings()
  for (const [protocol, ask] of protocolsOf(door)) {
    for (const [how, headers] of Object.entries(FORGERIES)) {
      const key = [bearer(door.site.keys.writer), ...headers]
      const known = await askSeen(door, ask, { headers: key })
      const open = await askSeen(door, ask, { headers, target: '/open/x' })
      for (const [who, { answer, seen }] of [
        ['known', known],
        ['nobody', open],
      ] as const) {
        const what = `forged ${how} over ${protocol}, caller ${who}`
        if (seen.length === 1) compare(findings, what, seen[0]!, who === 'known' ? door : null)
        // HTTP/1.1 servers may refuse names like these, and that is an answer, too.
        else findings.expect(answer.status === 400 && seen.length === 0, `${what}: ${answer.status}`)
      }
    }
    const { seen } = await askSeen(door, ask, { headers: [bearer(door.site.keys.writer)] })
    findings.equal(seen.length, 1, `a caller that forges nothing, over ${protocol}`)
    for (const each of seen) compare(findings, `nothing forged, over ${protocol}`, each, door)
  }
  return findings.problems
}

/** @param door null: a public route, where nobody was asked */
function compare(findings: Findings, what: string, seen: Seen, door: Door | null): void {
  const { rawHeaders } = seen
  findings.expect(!rawHeaders.join('\n').includes('forged'), `${what}: it reached the upstream`)
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const isTwin = /[^A-Za-z0-9-]/.test(rawHeaders[i]!) && /credence/i.test(rawHeaders[i]!)
    findings.expect(!isTwin, `${what}: ${rawHeaders[i]} reached the upstream`)
  }
  const keys = door?.site.keys
  for (const [name, value] of [
    ['principal', keys?.principalId ?? ''],
    ['principal-name', keys === undefined ? '' : 'Zo%C3%AB'],
    ['external-id', keys === undefined ? '' : 'cus%2042'],
    ['credential', keys?.writerId ?? ''],
    ['scopes', keys === undefined ? '' : 'orders:read orders:write'],
    ['stale', ''],
  ] as const) {
    // A header without a value may as well not be there.
    const values = valuesOf(seen, `x-credence-${name}`)
    findings.equal(values.length === 0 ? [''] : values, [value], `${what}: X-Credence-${name}`)
  }
  findings.expect(/^r\w{11}$/.test(valuesOf(seen, 'x-credence-request-id').join()), `${what}: request id`)
}

/** `Connection` may name headers of this hop, and must not take away what the proxy says. */
export const connectionCheck: Check = async (door) => {
  const findings = new Findings()
  const [[, ask]] = protocolsOf(door) as [ReturnType<typeof protocolsOf>[number]]
  const named = NAMES.map((name) => `X-Credence-${name}`).join(', ')
  const headers = [`Connection: ${named}, X-Forwarded-For, close`, bearer(door.site.keys.writer)]
  const { seen } = await askSeen(door, ask, { headers })
  findings.equal(seen.length, 1, 'a request whose Connection names our headers')
  for (const each of seen) {
    compare(findings, 'Connection names our headers', each, door)
    findings.expect(
      !valuesOf(each, 'connection').join().includes('redence'),
      'Connection names them to the upstream',
    )
  }
  return findings.problems
}

/** What a caller says about forwarding, method and path is not believed, by Credence or by the protected API. */
export const hearsayCheck: Check = async (door) => {
  const findings = new Findings()
  const hearsay = [
    ...[
      'X-Forwarded-Method: GET',
      'X-Forwarded-Uri: /open/x',
      'X-Original-Method: GET',
      'X-Original-URI: /open/x',
    ],
    ...['X-Original-URL: /open/x', 'X-Rewrite-URL: /open/x', 'X-HTTP-Method-Override: DELETE'],
    ...['X-HTTP-Method: DELETE', 'X-Method-Override: DELETE'],
    ...['X-Forwarded-For: 203.0.113.9', 'X-Forwarded-Proto: http', 'X-Forwarded-Host: elsewhere.example'],
  ]
  const key = bearer(door.site.keys.writer)
  for (const [protocol, ask] of protocolsOf(door)) {
    const admin = await askSeen(door, ask, { target: '/admin/x', headers: [key, ...hearsay] })
    findings.equal(
      [admin.answer.status, admin.seen.length],
      [403, 0],
      `/admin said to be /open, over ${protocol}`,
    )
    const { seen } = await askSeen(door, ask, { headers: [key, ...hearsay] })
    findings.equal(seen.length, 1, `a request with hearsay, over ${protocol}`)
    for (const each of seen) {
      const text = each.rawHeaders.join('\n')
      const heard = /\/open|DELETE|203\.0\.113|elsewhere/.exec(text)
      findings.expect(heard === null, `the upstream heard ${heard?.[0]}, over ${protocol}`)
      findings.equal(valuesOf(each, 'x-forwarded-for'), ['127.0.0.1'], `X-Forwarded-For over ${protocol}`)
      findings.equal(valuesOf(each, 'x-forwarded-proto'), ['https'], `X-Forwarded-Proto over ${protocol}`)
      const requestId = valuesOf(each, 'x-credence-request-id').join()
      const decision = await door.site.credence.request<{ ip: string }>('GET', `/v1/decisions/${requestId}`)
      findings.equal(decision.body.ip, '127.0.0.1', `the caller's address, over ${protocol}`)
    }
  }
  return findings.problems
}

/** The presented credential goes as far as the proxy. */
export const credentialCheck: Check = async (door) => {
  const findings = new Findings()
  const { writer } = door.site.keys
  const secret = writer.slice(-38)
  for (const [protocol, ask] of protocolsOf(door)) {
    for (const target of ['/orders/7', '/open/x']) {
      const headers = [bearer(writer), `X-API-Key: ${writer}`, 'Cookie: a=1']
      const { seen } = await askSeen(door, ask, { headers, target })
      findings.equal(seen.length, 1, `${target} over ${protocol}`)
      for (const each of seen) {
        findings.expect(
          !each.rawHeaders.join('\n').includes(secret),
          `${target} over ${protocol}: the key passed`,
        )
        findings.equal(
          valuesOf(each, 'authorization').join(),
          '',
          `Authorization at ${target} over ${protocol}`,
        )
        findings.equal(valuesOf(each, 'cookie'), ['a=1'], `Cookie at ${target} over ${protocol}`)
      }
    }
  }
  return findings.problems
}
