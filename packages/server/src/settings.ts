/**
 * Every setting of the server, once. config.ts reads by this table, the reference page is printed from it,
 * and the type of the configuration follows from it.
 */
import {
  databaseUrl,
  filePath,
  flag,
  ipRanges,
  listenAddress,
  listenAddressOrOff,
  nodeName,
  oneOf,
  type Parser,
  publicUrl,
  type ValkeyAddress,
  valkeyUrl,
  wholeNumber,
  workerCount,
} from './setting-parsers.ts'

export interface Setting<T> extends Parser<T> {
  /** The environment variable. In the config file: lower case, without `CREDENCE_`. */
  readonly name: string
  readonly default: T
  /** The default in words, as the reference prints it. */
  readonly defaultText: string
  /** One sentence for the reference. */
  readonly about: string
  /** A secret can also come from a file (`…_FILE`) and is never printed. */
  readonly secret?: true
}

/** A setting whose default is written as its text would be. */
function given<T>(name: string, parser: Parser<T>, defaultText: string, about: string): Setting<T> {
  const parsed = parser.parse(defaultText)
  if (!parsed.ok) throw new Error(`The default of ${name} ${parsed.problem}`)
  return { ...parser, name, default: parsed.value, defaultText: `\`${defaultText}\``, about }
}

/** A setting that may be absent; `otherwise` says what happens then. */
function optional<T>(name: string, parser: Parser<T>, otherwise: string, about: string): Setting<T | null> {
  return { ...parser, name, default: null, defaultText: otherwise, about }
}

const listening = {
  listen: given(
    'CREDENCE_LISTEN',
    listenAddress,
    '127.0.0.1:6749',
    'Where verify, forward-auth and, unless moved, administration and health listen.',
  ),
  gatewayListen: given(
    'CREDENCE_GATEWAY_LISTEN',
    listenAddressOrOff,
    '127.0.0.1:6750',
    'Where the gateway listens; `off` runs without one.',
  ),
  adminListen: optional(
    'CREDENCE_ADMIN_LISTEN',
    listenAddress,
    'with `CREDENCE_LISTEN`',
    'Moves administration to a listener of its own.',
  ),
  opsListen: optional(
    'CREDENCE_OPS_LISTEN',
    listenAddress,
    'with `CREDENCE_LISTEN`',
    'Serves health and metrics alone, in plain HTTP, on a listener of their own.',
  ),
  tlsCertPath: optional(
    'CREDENCE_TLS_CERT',
    filePath,
    'none',
    'PEM file of the certificate and its chain; reloaded when it changes.',
  ),
  tlsKeyPath: optional('CREDENCE_TLS_KEY', filePath, 'none', "PEM file of the certificate's private key."),
  listenWithoutTls: given(
    'CREDENCE_DANGEROUSLY_LISTEN_WITHOUT_TLS',
    flag,
    'false',
    'Listens beyond loopback in plain HTTP: only behind a proxy that terminates TLS on the same host or network.',
  ),
  tlsClientCert: given(
    'CREDENCE_TLS_CLIENT_CERT',
    oneOf('off', 'any', 'ca'),
    'off',
    'Whether clients are asked for a certificate over TLS, to prove the key that a credential is bound to: `any` takes self-signed ones, `ca` those of `CREDENCE_TLS_CLIENT_CA`. Nobody has to show one.',
  ),
  tlsClientCaPath: optional(
    'CREDENCE_TLS_CLIENT_CA',
    filePath,
    'none',
    'PEM file of the authorities whose client certificates count; reloaded with the certificate.',
  ),
  publicUrl: optional(
    'CREDENCE_PUBLIC_URL',
    publicUrl,
    'the listener itself',
    'How the world reaches this server; never taken from a request.',
  ),
  gatewayPublicUrl: optional(
    'CREDENCE_GATEWAY_PUBLIC_URL',
    publicUrl,
    'the listener itself',
    'How the world reaches the gateway.',
  ),
  trustedProxies: given(
    'CREDENCE_TRUSTED_PROXIES',
    ipRanges,
    'none',
    'Peers that may ask forward-auth and whose `X-Forwarded-*` headers count.',
  ),
  proxyClientCert: given(
    'CREDENCE_PROXY_CLIENT_CERT',
    flag,
    'false',
    "Whether trusted proxies tell of the client's certificate in `Client-Cert` (RFC 9440). Only where each of them removes what clients send under that name.",
  ),
  forwardStyle: given(
    'CREDENCE_FORWARD_STYLE',
    oneOf('forwarded', 'nginx', 'envoy'),
    'forwarded',
    'The one family of headers that forward-auth reads.',
  ),
  upstreamAllow: optional(
    'CREDENCE_UPSTREAM_ALLOW',
    ipRanges,
    'loopback, for the workspace `default` alone',
    'Special-use addresses that upstreams may have all the same, those of every workspace.',
  ),
}

const keeping = {
  dataPath: given('CREDENCE_DATA', filePath, './data', 'The data folder.'),
  databaseUrl: {
    ...optional(
      'CREDENCE_DATABASE_URL',
      databaseUrl,
      'the embedded store: SQLite in `CREDENCE_DATA`',
      'The PostgreSQL that all nodes share.',
    ),
    secret: true,
  } satisfies Setting<string | null>,
  databasePoolSize: given(
    'CREDENCE_DATABASE_POOL',
    wholeNumber(6, 1000),
    '10',
    'Most connections that one process holds to PostgreSQL, all taken together.',
  ),
  databaseReadTimeoutMs: given(
    'CREDENCE_DATABASE_READ_TIMEOUT_MS',
    wholeNumber(50, 60_000),
    '1000',
    'How long a look-up waits for PostgreSQL, in milliseconds, before it counts as unreachable.',
  ),
  migrate: given(
    'CREDENCE_MIGRATE',
    oneOf('auto', 'check', 'off'),
    'auto',
    'Migrates the store at start, only checks that nothing is left to migrate, or does not look.',
  ),
  keyringPath: optional(
    'CREDENCE_KEYRING',
    filePath,
    '`keyring.json` in `CREDENCE_DATA`',
    'The keyring, readable by its owner alone.',
  ),
  revocationsJournalPath: optional(
    'CREDENCE_REVOCATIONS_JOURNAL',
    filePath,
    '`revocations.jsonl` in `CREDENCE_DATA`',
    'The journal of revocations that a restore repeats; best on another disk. Kept for the embedded store only.',
  ),
  adminKeyPath: optional(
    'CREDENCE_ADMIN_KEY_FILE',
    filePath,
    'made at the first start, in `admin.key` in `CREDENCE_DATA`',
    'A file that holds the admin key to install at the first start.',
  ),
}

const sharing = {
  valkeyUrl: {
    ...optional(
      'CREDENCE_VALKEY_URL',
      valkeyUrl,
      'each node counts limits alone',
      'Valkey or Redis, in which nodes count limits together and remember what may be used once.',
    ),
    secret: true,
  } satisfies Setting<ValkeyAddress | null>,
  creditBlock: given(
    'CREDENCE_CREDIT_BLOCK',
    wholeNumber(1, 100_000),
    '1',
    'Credits taken from the store at once. With 1 they are exact; above, a crash loses fewer than this of each limit.',
  ),
}

const signing = {
  signingAlgorithm: given(
    'CREDENCE_SIGNING_ALGORITHM',
    oneOf('ES256', 'EdDSA', 'RS256'),
    'ES256',
    'What access tokens and identity tokens are signed with. A change takes effect with the next rotation.',
  ),
  signingKeyRotationSeconds: given(
    'CREDENCE_SIGNING_KEY_ROTATION_SECONDS',
    wholeNumber(3600, 31_536_000),
    '2592000',
    'How long a signing key signs before the next one does.',
  ),
  signingKeyAheadSeconds: given(
    'CREDENCE_SIGNING_KEY_AHEAD_SECONDS',
    wholeNumber(600, 2_592_000),
    '86400',
    'How long a signing key is published before it signs: longer than anybody keeps our key set.',
  ),
}

const observing = {
  logFormat: optional(
    'CREDENCE_LOG',
    oneOf('json', 'pretty', 'off'),
    '`pretty` on a terminal, `json` elsewhere',
    'What the log on standard error looks like.',
  ),
  logLevel: given(
    'CREDENCE_LOG_LEVEL',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace'),
    'info',
    'The least severe entry that is logged.',
  ),
}

const proving = {
  dpopNonces: given(
    'CREDENCE_DPOP_NONCES',
    flag,
    'false',
    'Demands that each DPoP proof holds a nonce of this server (RFC 9449 section 9), which it hands out in `DPoP-Nonce`.',
  ),
}

const bounds = {
  workers: given(
    'CREDENCE_WORKERS',
    workerCount,
    '1',
    'Processes of this node that answer requests, behind the same ports.',
  ),
  bodyLimitBytes: given(
    'CREDENCE_BODY_LIMIT_BYTES',
    wholeNumber(1024, 16_777_216),
    '262144',
    'Largest body of a request to administration and verify.',
  ),
  maxHeaderBytes: given(
    'CREDENCE_MAX_HEADER_BYTES',
    wholeNumber(4096, 131_072),
    '16384',
    'Largest request line and headers, together.',
  ),
  requestHeadTimeoutSeconds: given(
    'CREDENCE_REQUEST_HEAD_TIMEOUT_SECONDS',
    wholeNumber(1, 120),
    '10',
    'Longest time a client may take to send the request line and headers.',
  ),
  gatewayUpstreamTimeoutSeconds: given(
    'CREDENCE_GATEWAY_UPSTREAM_TIMEOUT_SECONDS',
    wholeNumber(1, 3600),
    '30',
    'Longest time an upstream may take to answer.',
  ),
  gatewayStallSeconds: given(
    'CREDENCE_GATEWAY_STALL_SECONDS',
    wholeNumber(1, 3600),
    '60',
    'How long a caller may hold up its body or its answer before the gateway cuts it off.',
  ),
  gatewaySlowestBytesPerSecond: given(
    'CREDENCE_GATEWAY_SLOWEST_BYTES_PER_SECOND',
    wholeNumber(0, 1_000_000),
    '240',
    'A body or answer that moves more slowly over that time counts as held up by the caller; 0: only one that does not move.',
  ),
  maxConnections: given(
    'CREDENCE_MAX_CONNECTIONS',
    wholeNumber(1, 1_000_000),
    '10000',
    'Most connections of each listener, in each worker; what comes on top is closed at once.',
  ),
  readinessDelaySeconds: given(
    'CREDENCE_READINESS_DELAY_SECONDS',
    wholeNumber(0, 300),
    '0',
    'At shutdown: how long readiness has failed before listeners close.',
  ),
  drainSeconds: given(
    'CREDENCE_DRAIN_SECONDS',
    wholeNumber(0, 600),
    '10',
    'At shutdown: how long requests in flight may take to finish.',
  ),
  cacheEntries: given(
    'CREDENCE_CACHE_ENTRIES',
    wholeNumber(2, 10_000_000),
    '50000',
    'Most records of each kind kept in memory, by each worker.',
  ),
  cacheBytes: given(
    'CREDENCE_CACHE_BYTES',
    wholeNumber(1_048_576, 1_099_511_627_776),
    '134217728',
    'Most memory for those records, about, by each worker; what is reached first counts.',
  ),
  limitCounters: given(
    'CREDENCE_LIMIT_COUNTERS',
    wholeNumber(100, 10_000_000),
    '100000',
    'Most counters of limits kept in memory.',
  ),
  leaseMs: given(
    'CREDENCE_LEASE_MS',
    wholeNumber(100, 60_000),
    '1000',
    'How long a record in memory answers after the feed was last confirmed, in milliseconds: the revocation bound. Where nodes differ the longest counts.',
  ),
  changesKeptSeconds: given(
    'CREDENCE_CHANGES_KEPT_SECONDS',
    wholeNumber(60, 31_536_000),
    '86400',
    'How long entries of the feed are kept. A node that was cut off for longer begins with an empty cache.',
  ),
  nodeName: optional(
    'CREDENCE_NODE_NAME',
    nodeName,
    "the machine's host name",
    'What this node is called where nodes are listed.',
  ),
  feedPollMs: given(
    'CREDENCE_FEED_POLL_MS',
    wholeNumber(10, 30_000),
    '250',
    'Pause between two polls of the feed, in milliseconds; shorter than the lease.',
  ),
}

/** By the name that each has in the configuration. */
export const SETTINGS = {
  ...listening,
  ...keeping,
  ...sharing,
  ...signing,
  ...proving,
  ...observing,
  ...bounds,
}

export type SettingKey = keyof typeof SETTINGS
/** The value of each setting, before those that follow from others are filled in. */
export type SettingValues = { readonly [K in SettingKey]: (typeof SETTINGS)[K]['default'] }

/** Where the config file is named: the one setting that cannot be in it. */
export const CONFIG_FILE_SETTING = 'CREDENCE_CONFIG'

/** The setting's name in the config file. */
export function fileName(setting: { readonly name: string }): string {
  return setting.name.slice('CREDENCE_'.length).toLowerCase()
}

/** Every name that the config file may hold. */
export function fileNames(): string[] {
  return Object.values(SETTINGS).flatMap((setting: Setting<unknown>) =>
    setting.secret ? [fileName(setting), `${fileName(setting)}_file`] : [fileName(setting)],
  )
}
