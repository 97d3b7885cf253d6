import { testClientCertificates } from './client-certificates.ts'
import { testGuarantees, without } from './guarantees.ts'
import { certificatesOfHaproxy, startHaproxy } from './haproxy.ts'

const spoiltBy = (from: string, to = '') => without('haproxy.cfg', from, to)

testGuarantees(
  'HAProxy',
  startHaproxy,
  'forwarded',
  [
    {
      what: 'whose action looks at names as they are spelt',
      breaks: 'identity headers cannot be forged, however they are spelt',
      change: without('credence.lua', 'gsub("[^a-z0-9]", "")', 'gsub("-", "")'),
    },
    {
      what: 'which hands on Connection',
      breaks: 'Connection takes no identity header away',
      change: spoiltBy('http-request del-header Connection'),
    },
    {
      what: 'whose action leaves overrides alone',
      breaks: 'what the caller says about method, target and address is not believed',
      change: without('credence.lua', 'OVERRIDES[plain] == true', 'false'),
    },
    {
      what: 'whose action does not say what was called',
      breaks: 'a proof counts for the address that was called and for no other',
      change: without('credence.lua', 'headers["x-forwarded-host"] =', 'local _ ='),
    },
    {
      what: 'where the key passes',
      breaks: 'the presented credential is not passed on',
      change: spoiltBy('http-request del-header Authorization'),
    },
    {
      what: 'whose action tells no challenge',
      breaks: 'every refusal reaches the caller with status, challenge, limits and body',
      change: without('credence.lua', '"www-authenticate", '),
    },
    {
      what: 'whose action asks about the first of two',
      breaks: 'two Authorization headers are refused',
      change: without('credence.lua', 'for _, value in ipairs(list) do values[#values + 1] = value end'),
    },
    {
      what: 'rewriting the path after it was authorized',
      breaks: 'method and path that were authorized are what the upstream sees',
      change: spoiltBy(
        'default_backend orders',
        'default_backend orders\n http-request replace-path (.*)7 \\1/',
      ),
    },
    {
      what: 'whose action is asked about a path that is not the one forwarded',
      breaks: 'method and path that were authorized are what the upstream sees',
      change: without('credence.lua', 'return txn.sf:url()', 'return "/open/x"'),
    },
    {
      what: 'which lets pass what nobody decided',
      breaks: 'outage',
      change: spoiltBy('unless { var(txn.credence_allowed) -m str yes }', 'if FALSE'),
    },
  ],
  [
    {
      what: 'whose action fails before it asks',
      change: without('credence.lua', 'core.httpclient()', 'core.no_such_client()'),
    },
    {
      what: 'whose action fails when it was told to let pass',
      change: without('credence.lua', 'txn:set_var("txn.credence_allowed", "yes")', 'error("broken")'),
    },
    {
      what: 'whose action fails when it was told to refuse',
      change: without(
        'credence.lua',
        'if answer.status == 200',
        'if answer.status > 0 then error("broken") end\n  if answer.status == 200',
      ),
    },
  ],
)

testClientCertificates(
  'HAProxy',
  startHaproxy,
  certificatesOfHaproxy,
  spoiltBy('  http-request del-header Client-Cert\n'),
)
