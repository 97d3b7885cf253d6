import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ConfigProblem, formatConfigProblems, parseConfig } from './config.ts'
import { SETTINGS, type Setting } from './settings.ts'

function filesystem(files: Record<string, string> = {}): (path: string) => string {
  return (path) => {
    const text = files[path]
    if (text === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' })
    return text
  }
}

function accept(env: Record<string, string>, files?: Record<string, string>) {
  const result = parseConfig(env, filesystem(files))
  assert.ok(result.ok, result.ok ? '' : formatConfigProblems(result.problems))
  return result.config
}

function refuse(env: Record<string, string>, files?: Record<string, string>): readonly ConfigProblem[] {
  const result = parseConfig(env, filesystem(files))
  assert.ok(!result.ok, 'the configuration was accepted')
  return result.problems
}

function only(problems: readonly ConfigProblem[]): ConfigProblem {
  assert.equal(problems.length, 1, formatConfigProblems(problems))
  return problems[0]!
}

test('an empty environment gives the documented defaults', () => {
  const config = accept({})
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 6749 })
  assert.deepEqual(config.gatewayListen, { host: '127.0.0.1', port: 6750 })
  assert.equal(config.adminListen, null)
  assert.equal(config.dataPath, './data')
  assert.equal(config.keyringPath, 'data/keyring.json')
  assert.deepEqual(config.trustedProxies, [])
  assert.equal(config.upstreamAllow, null)
  assert.equal(config.bodyLimitBytes, 262_144)
  assert.equal(config.leaseMs, 1000)
  assert.equal(config.readinessDelaySeconds, 0)
})

test('the keyring lies in the data folder unless it has a path of its own', () => {
  assert.equal(accept({ CREDENCE_DATA: '/srv/c' }).keyringPath, '/srv/c/keyring.json')
  assert.equal(accept({ CREDENCE_DATA: '/srv/c', CREDENCE_KEYRING: '/run/k' }).keyringPath, '/run/k')
})

test('the configuration cannot be changed after it was parsed', () => {
  const config = accept({})
  assert.throws(() => Object.assign(config, { leaseMs: 60_000 }), TypeError)
})

test('the configuration is plain data, so that a primary can hand it to its workers as it is', () => {
  const config = accept({
    CREDENCE_TRUSTED_PROXIES: '10.0.0.0/8,::1',
    CREDENCE_PUBLIC_URL: 'https://credence.example',
    CREDENCE_VALKEY_URL: 'valkeys://user:pass@valkey.example:6380/2',
    CREDENCE_ADMIN_LISTEN: '127.0.0.1:1',
    CREDENCE_WORKERS: 'auto',
  })
  assert.deepEqual(structuredClone(config), config)
})

test('as many workers as asked for, or one for each core', () => {
  assert.equal(accept({}).workers, 1)
  assert.equal(accept({ CREDENCE_WORKERS: '256' }).workers, 256)
  assert.equal(accept({ CREDENCE_WORKERS: 'auto' }).workers, 'auto')
  for (const workers of ['0', '257', '-1', '1.5', 'AUTO', 'all']) {
    const problem = only(refuse({ CREDENCE_WORKERS: workers }))
    assert.equal(problem.setting, 'CREDENCE_WORKERS')
    assert.match(problem.allowed ?? '', /from 1 to 256, or `auto`/)
  }
})

test('a setting can come from the config file, and a variable wins over it', () => {
  const files = {
    '/c.json': '{"cache_entries": 7, "lease_ms": "900", "trusted_proxies": ["10.0.0.0/8", "::1"]}',
  }
  const config = accept({ CREDENCE_CONFIG: '/c.json', CREDENCE_CACHE_ENTRIES: '9' }, files)
  assert.equal(config.cacheEntries, 9)
  assert.equal(config.leaseMs, 900)
  assert.equal(config.trustedProxies.length, 2)
})

test('a wrong entry in the config file is refused also where a variable overrides it', () => {
  const problems = refuse(
    { CREDENCE_CONFIG: '/c', CREDENCE_LEASE_MS: '900' },
    { '/c': '{"lease_ms": "soon"}' },
  )
  assert.equal(only(problems).setting, 'lease_ms in the config file')
})

test('every problem is listed at once, by name, with what is allowed', () => {
  const problems = refuse({
    CREDENCE_LISTEN: 'nonsense',
    CREDENCE_LOG: 'xml',
    CREDENCE_LEASE_MS: '-1',
    CREDENCE_MIGRATE: '',
    CREDENCE_TRUSTED_PROXIES: '10.0.0.1/8',
  })
  assert.deepEqual(problems.map(({ setting }) => setting).sort(), [
    'CREDENCE_LEASE_MS',
    'CREDENCE_LISTEN',
    'CREDENCE_LOG',
    'CREDENCE_MIGRATE',
    'CREDENCE_TRUSTED_PROXIES',
  ])
  const text = formatConfigProblems(problems)
  assert.match(text, /CREDENCE_LOG is not one of json, pretty, off\n {4}allowed: json, pretty, off/)
  assert.match(text, /CREDENCE_LEASE_MS is not a whole number from 100 to 60000/)
  assert.match(text, /CREDENCE_MIGRATE is blank/)
})

test('each setting refuses a blank value, in a variable and in the config file', () => {
  for (const setting of Object.values(SETTINGS) as Setting<unknown>[]) {
    for (const blank of ['', '  ']) {
      assert.match(only(refuse({ [setting.name]: blank })).problem, /is blank/, setting.name)
      const entry = JSON.stringify({ [setting.name.slice(9).toLowerCase()]: blank })
      assert.match(only(refuse({ CREDENCE_CONFIG: '/c' }, { '/c': entry })).problem, /is blank/, setting.name)
    }
  }
})

test('numbers are taken in one form only and within their bounds', () => {
  for (const text of [
    '1e3',
    '0x10',
    ' 500',
    '500 ',
    '+500',
    '500.0',
    '1_000',
    '٣٠٠',
    '99999999999999999999',
    'NaN',
  ]) {
    assert.equal(only(refuse({ CREDENCE_LEASE_MS: text })).setting, 'CREDENCE_LEASE_MS', text)
  }
  assert.equal(accept({ CREDENCE_LEASE_MS: '60000' }).leaseMs, 60_000)
  refuse({ CREDENCE_LEASE_MS: '60001' })
})

test('an unknown variable is refused with the name that was likely meant', () => {
  const problem = only(refuse({ CREDENCE_GATWAY_LISTEN: 'off' }))
  assert.equal(problem.setting, 'CREDENCE_GATWAY_LISTEN')
  assert.match(problem.problem, /did you mean CREDENCE_GATEWAY_LISTEN\?/)
  assert.doesNotMatch(only(refuse({ CREDENCE_FROBNICATE_EVERYTHING_AT_ONCE: '1' })).problem, /did you mean/)
})

test('an unknown entry of the config file is refused with the name that was likely meant', () => {
  const problem = only(refuse({ CREDENCE_CONFIG: '/c' }, { '/c': '{"lsten": "127.0.0.1:1"}' }))
  assert.match(problem.problem, /did you mean listen\?/)
  for (const name of ['config', 'CREDENCE_LISTEN', '__proto__', 'toString']) {
    assert.equal(refuse({ CREDENCE_CONFIG: '/c' }, { '/c': `{"${name}": "x"}` }).length, 1, name)
  }
})

test("the CLI's and the tests' variables and everybody else's are let through", () => {
  accept({
    CREDENCE_KEY: 'x',
    CREDENCE_URL: 'x',
    CREDENCE_PROFILE: 'x',
    CREDENCE_TEST_SEED: '1',
    PATH: '/bin',
    CREDENCES: '',
  })
})

test('a config file that is missing, no JSON, no object, ambiguous or holds a nested value is refused', () => {
  for (const text of [
    '',
    '{',
    '[]',
    'null',
    '"x"',
    '{"lease_ms":500,"lease_ms":600}',
    '{"listen":{"port":1}}',
    '{"listen":null}',
  ]) {
    assert.equal(refuse({ CREDENCE_CONFIG: '/c' }, { '/c': text }).length, 1, text)
  }
  assert.match(only(refuse({ CREDENCE_CONFIG: '/missing' })).problem, /cannot be read \(ENOENT\)/)
  assert.match(only(refuse({ CREDENCE_CONFIG: '' })).problem, /is blank/)
})

test('host and port are parsed strictly', () => {
  const good: [string, { host: string; port: number }][] = [
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:8080', { host: '::1', port: 8080 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
  ]
  for (const [text, address] of good) assert.deepEqual(accept({ CREDENCE_LISTEN: text }).listen, address)
  const bad = [
    '127.0.0.1',
    ':80',
    '::1:80',
    '[::1]',
    '[127.0.0.1]:80',
    '127.0.0.1:65536',
    '127.0.0.1:-1',
    '127.1:80',
    '0x7f.1:80',
    '-a:80',
    'a b:80',
    'http://127.0.0.1:80',
    'off',
    '127.0.0.1:80/',
  ]
  for (const text of bad)
    assert.equal(only(refuse({ CREDENCE_LISTEN: text })).setting, 'CREDENCE_LISTEN', text)
})

test('only the gateway can be off', () => {
  assert.equal(accept({ CREDENCE_GATEWAY_LISTEN: 'off' }).gatewayListen, 'off')
  refuse({ CREDENCE_ADMIN_LISTEN: 'off' })
})

test('listening beyond loopback is refused without TLS, for every listener but the one for operations', () => {
  for (const name of ['CREDENCE_LISTEN', 'CREDENCE_GATEWAY_LISTEN', 'CREDENCE_ADMIN_LISTEN']) {
    for (const host of ['0.0.0.0', '[::]', '192.0.2.1', 'internal.example', '[::ffff:192.0.2.1]']) {
      const problem = only(refuse({ [name]: `${host}:80` }))
      assert.equal(problem.setting, name)
      assert.match(problem.allowed ?? '', /CREDENCE_DANGEROUSLY_LISTEN_WITHOUT_TLS=true/)
      accept({ [name]: `${host}:80`, CREDENCE_TLS_CERT: '/c', CREDENCE_TLS_KEY: '/k' })
      accept({ [name]: `${host}:80`, CREDENCE_DANGEROUSLY_LISTEN_WITHOUT_TLS: 'true' })
      refuse({ [name]: `${host}:80`, CREDENCE_DANGEROUSLY_LISTEN_WITHOUT_TLS: 'false' })
    }
    for (const host of ['127.8.9.1', '[::1]', 'LOCALHOST']) accept({ [name]: `${host}:80` })
  }
  accept({ CREDENCE_OPS_LISTEN: '0.0.0.0:9090' })
})

test('a certificate without its key, or a key without its certificate, is refused', () => {
  assert.equal(only(refuse({ CREDENCE_TLS_CERT: '/c' })).setting, 'CREDENCE_TLS_KEY')
  assert.equal(only(refuse({ CREDENCE_TLS_KEY: '/k' })).setting, 'CREDENCE_TLS_CERT')
})

test('two listeners on one address are refused, unless the port is any', () => {
  assert.equal(only(refuse({ CREDENCE_ADMIN_LISTEN: '127.0.0.1:6749' })).setting, 'CREDENCE_ADMIN_LISTEN')
  accept({ CREDENCE_LISTEN: '127.0.0.1:0', CREDENCE_ADMIN_LISTEN: '127.0.0.1:0' })
})

test('a feed polled no more often than leases run out is refused', () => {
  assert.equal(only(refuse({ CREDENCE_FEED_POLL_MS: '1000' })).setting, 'CREDENCE_FEED_POLL_MS')
})

test('a public URL has no user, query or fragment, and loses its last slash', () => {
  assert.equal(accept({ CREDENCE_PUBLIC_URL: 'https://Keys.example/' }).publicUrl, 'https://keys.example')
  for (const url of ['ftp://a', 'a.example', 'https://u:p@a', 'https://a/?q', 'https://a/#f', 'https://']) {
    assert.equal(refuse({ CREDENCE_PUBLIC_URL: url }).length, 1, url)
  }
})

test('a database is named by a postgres:// URL, which says how it is encrypted unless it is here', () => {
  const good = [
    'postgres://u:p@127.0.0.1/c',
    'postgresql://u@[::1]:5433/c?options=-c%20search_path%3Dx',
    'postgres://u@/c?host=/run/postgresql',
    'POSTGRES://u:p%40%2F@db.example/c?sslmode=verify-full&sslrootcert=/ca.pem',
    'postgres://u:p@db/c?sslmode=disable',
    'postgres://u:p@db/c?sslmode=require&sslcert=/c&sslkey=/k',
  ]
  for (const url of good) assert.equal(accept({ CREDENCE_DATABASE_URL: url }).databaseUrl, url)
  const bad: [string, RegExp][] = [
    ['mysql://u:hunter2@db/c', /is not a postgres:\/\/ URL/],
    ['./data/hunter2.db', /is not a postgres:\/\/ URL/],
    ['postgres://u:hunter2@db/c', /no sslmode/],
    ['postgres://u:hunter2@db/c?sslmode=prefer', /an sslmode other than/],
    ['postgres://u:hunter2@db/c?sslmode=disable&sslmode=verify-full', /twice/],
    ['postgres://u:hunter2@a,b/c?sslmode=disable', /no host, more than one/],
    ['postgres://u:hunter2@/c', /is not a URL|no host/],
    ['postgres://:hunter2@127.0.0.1/c', /no user/],
    ['postgres://u:hunter2@127.0.0.1', /no database/],
    ['postgres://u:hunter2@127.0.0.1/c/d', /no database/],
    ['postgres://u:hunter2@127.0.0.1/c#d', /fragment/],
    ['postgres://u:hunter2%@127.0.0.1/c', /%/],
    ['postgres://u:hunter2@127.0.0.1/c?synchronous_commit=off', /a parameter other than/],
    ['postgres://u:hunter2@127.0.0.1/c?host=/run', /host/],
    ['postgres://u:hunter2@db/c?sslmode=verify-full&sslcert=/c', /sslkey/],
    ['postgres://u:hunter2@127.0.0.1:99999/c', /is not a URL/],
  ]
  for (const [url, expected] of bad) {
    const { problem } = only(refuse({ CREDENCE_DATABASE_URL: url }))
    assert.match(problem, expected)
    assert.doesNotMatch(problem, /hunter2/)
  }
})

test("Valkey's address is a URL; redis and valkey mean the same, and an s at the end means TLS", () => {
  const plain = { username: null, password: null, database: 0, tls: false, port: 6379 }
  for (const [url, expected] of [
    ['redis://cache', { ...plain, host: 'cache' }],
    ['valkey://cache/', { ...plain, host: 'cache' }],
    ['rediss://cache:7000/3', { ...plain, host: 'cache', port: 7000, database: 3, tls: true }],
    ['valkeys://[::1]:7000', { ...plain, host: '::1', port: 7000, tls: true }],
    ['redis://:p%40ss%2F@10.0.0.1', { ...plain, host: '10.0.0.1', password: 'p@ss/' }],
    [
      'redis://credence:x%3Ay@cache/15',
      { ...plain, host: 'cache', username: 'credence', password: 'x:y', database: 15 },
    ],
  ] as const) {
    assert.deepEqual(accept({ CREDENCE_VALKEY_URL: url }).valkeyUrl, expected)
  }
  const file = { '/secret': 'valkeys://:hunter2@cache\n' }
  assert.equal(accept({ CREDENCE_VALKEY_URL_FILE: '/secret' }, file).valkeyUrl?.password, 'hunter2')
  assert.equal(accept({}).valkeyUrl, null)
})

test('what is no address of a Valkey is refused by name, and its password never repeated', () => {
  for (const [url, expected] of [
    ['cache:6379', /is not a valkey:\/\//],
    ['https://u:hunter2@cache', /is not a valkey:\/\//],
    ['redis://u:hunter2@cache:99999', /is not a valkey:\/\//],
    ['redis://', /is not a valkey:\/\/|names no host/],
    ['redis:///0', /names no host/],
    ['redis://:hunter2@cache/zero', /not the number of a database/],
    ['redis://:hunter2@cache/1/2', /not the number of a database/],
    ['redis://:hunter2@cache/?db=1', /has a query or a fragment/],
    ['redis://:hunter2@cache#1', /has a query or a fragment/],
    ['redis://user@cache', /names a user without a password/],
    ['redis://:hunter2%zz@cache', /broken percent escape/],
  ] as const) {
    const { setting, problem, allowed } = only(refuse({ CREDENCE_VALKEY_URL: url }))
    assert.equal(setting, 'CREDENCE_VALKEY_URL')
    assert.match(problem, expected)
    assert.doesNotMatch(`${problem} ${allowed}`, /hunter2/)
  }
})

test('a secret setting can come from a file, from both files and variables, but not twice', () => {
  const files = { '/secret': 'postgres://u:hunter2@db/c\n', '/c': '{"database_url_file": "/secret"}' }
  const fromVariable = only(refuse({ CREDENCE_DATABASE_URL_FILE: '/secret' }, files))
  assert.equal(fromVariable.setting, 'CREDENCE_DATABASE_URL_FILE')
  assert.match(fromVariable.problem, /sslmode/)
  assert.match(only(refuse({ CREDENCE_CONFIG: '/c' }, files)).problem, /sslmode/)
  const twice = refuse({ CREDENCE_DATABASE_URL_FILE: '/secret', CREDENCE_DATABASE_URL: 'x' }, files)
  assert.ok(twice.some(({ problem }) => /give one of the two/.test(problem)))
  assert.match(only(refuse({ CREDENCE_DATABASE_URL_FILE: '/missing' })).problem, /cannot be read \(ENOENT\)/)
  assert.match(only(refuse({ CREDENCE_DATABASE_URL_FILE: '' })).problem, /blank/)
})

test('no problem repeats a value, wherever it was put', () => {
  const canary = 'postgres://u:hunter2@db/c'
  for (const setting of Object.values(SETTINGS) as Setting<unknown>[]) {
    if (/path/.test(setting.allowed)) continue
    assert.doesNotMatch(formatConfigProblems(refuse({ [setting.name]: canary })), /hunter2/, setting.name)
    const entry = JSON.stringify({ [setting.name.slice(9).toLowerCase()]: canary })
    const problems = refuse({ CREDENCE_CONFIG: '/c' }, { '/c': entry })
    assert.doesNotMatch(formatConfigProblems(problems), /hunter2/, setting.name)
  }
  assert.doesNotMatch(formatConfigProblems(refuse({ CREDENCE_CONFIG: '/c' }, { '/c': canary })), /hunter2/)
})

test('an unknown name cannot make the terminal do anything', () => {
  const text = formatConfigProblems(refuse({ 'CREDENCE_\u001b[2J': '1' }))
  assert.ok(!text.includes('\u001b'))
})

test('client certificates are asked for whole or not at all', () => {
  const tls = { CREDENCE_TLS_CERT: 'c', CREDENCE_TLS_KEY: 'k' }
  const wrong: [Record<string, string>, string][] = [
    [{ CREDENCE_TLS_CLIENT_CERT: 'any' }, 'CREDENCE_TLS_CLIENT_CERT'],
    [{ ...tls, CREDENCE_TLS_CLIENT_CERT: 'ca' }, 'CREDENCE_TLS_CLIENT_CA'],
    [{ ...tls, CREDENCE_TLS_CLIENT_CERT: 'any', CREDENCE_TLS_CLIENT_CA: 'a' }, 'CREDENCE_TLS_CLIENT_CA'],
    [{ ...tls, CREDENCE_TLS_CLIENT_CA: 'a' }, 'CREDENCE_TLS_CLIENT_CA'],
    [{ CREDENCE_PROXY_CLIENT_CERT: 'true' }, 'CREDENCE_PROXY_CLIENT_CERT'],
  ]
  for (const [env, setting] of wrong) assert.equal(only(refuse(env)).setting, setting)
  accept({ ...tls, CREDENCE_TLS_CLIENT_CERT: 'ca', CREDENCE_TLS_CLIENT_CA: 'a' })
  accept({ CREDENCE_PROXY_CLIENT_CERT: 'true', CREDENCE_TRUSTED_PROXIES: '10.0.0.1' })
})
