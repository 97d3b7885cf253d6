import { certificatesOfCaddy, startCaddy } from './caddy.ts'
import { testClientCertificates } from './client-certificates.ts'
import { testGuarantees, without } from './guarantees.ts'

const spoiltBy = (from: string, to = '') => without('Caddyfile', from, to)

testGuarantees('Caddy', startCaddy, 'forwarded', [
  {
    what: 'removing only the headers as they are spelt',
    breaks: 'identity headers cannot be forged, however they are spelt',
    change: spoiltBy('request_header -*Credence*', 'request_header -X-Credence-*'),
  },
  {
    what: 'which leaves to Connection what is removed',
    breaks: 'Connection takes no identity header away',
    change: spoiltBy('header_up X-Credence-Scopes {header.X-Credence-Scopes}'),
  },
  {
    what: 'where an override passes',
    breaks: 'what the caller says about method, target and address is not believed',
    change: spoiltBy('request_header -X-Original-*'),
  },
  {
    what: 'where the key passes',
    breaks: 'the presented credential is not passed on',
    change: spoiltBy('header_up -X-API-Key'),
  },
  {
    what: 'rewriting the path after it was authorized',
    breaks: 'method and path that were authorized are what the upstream sees',
    change: spoiltBy('vars credence_allowed true', 'vars credence_allowed true\n uri strip_suffix /'),
  },
  {
    what: 'sending a query of its own',
    breaks: 'the query reaches the upstream as it came',
    change: spoiltBy('vars credence_allowed true', 'vars credence_allowed true\n rewrite * ?via=caddy'),
  },
  {
    what: 'handing on any upgrade',
    breaks: 'WebSockets pass, and no other upgrade',
    change: spoiltBy('request_header @upgrade -Upgrade'),
  },
  {
    what: 'which lets pass what nobody decided',
    breaks: 'outage',
    change: spoiltBy(
      'respond @undecided',
      'handle @undecided {\n reverse_proxy 127.0.0.1:9000\n }\n respond @undecided',
    ),
  },
])

testClientCertificates('Caddy', startCaddy, certificatesOfCaddy, spoiltBy('request_header -Client-Cert\n'))
