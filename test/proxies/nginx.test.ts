import { testGuarantees, without } from './guarantees.ts'
import { startNginx } from './nginx.ts'

const spoiltBy = (from: string, to = '') => without('nginx.conf', from, to)

testGuarantees('nginx', startNginx, 'nginx', [
  {
    what: 'where underscores pass',
    breaks: 'identity headers cannot be forged, however they are spelt',
    change: spoiltBy('underscores_in_headers off', 'underscores_in_headers on'),
  },
  {
    what: 'where one header is not overwritten',
    breaks: 'identity headers cannot be forged, however they are spelt',
    change: spoiltBy('proxy_set_header X-Credence-Scopes         $credence_scopes;'),
  },
  {
    what: 'where an override passes',
    breaks: 'what the caller says about method, target and address is not believed',
    change: spoiltBy('proxy_set_header X-HTTP-Method-Override "";'),
  },
  {
    what: 'where Authorization passes',
    breaks: 'the presented credential is not passed on',
    change: spoiltBy('proxy_set_header Authorization "";'),
  },
  {
    what: 'which hands on what the caller says it called',
    breaks: 'a proof counts for the address that was called and for no other',
    change: spoiltBy('proxy_set_header X-Forwarded-Host  $http_host;'),
  },
  {
    what: 'where its own pages stand for refusals',
    breaks: 'every refusal reaches the caller with status, challenge, limits and body',
    change: spoiltBy('error_page 401 403 500 = @refused;'),
  },
  {
    what: "where the upstream's refusals are taken for Credence's",
    breaks: "the upstream's own refusals pass unchanged",
    change: spoiltBy('proxy_http_version 1.1;', 'proxy_http_version 1.1; proxy_intercept_errors on;'),
  },
  {
    what: 'forwarding its own reading of the target',
    breaks: 'method and path that were authorized are what the upstream sees',
    change: spoiltBy('proxy_pass http://orders;', 'proxy_pass http://orders/;'),
  },
  {
    what: 'asking about its own reading of the target',
    breaks: 'method and path that were authorized are what the upstream sees',
    change: spoiltBy('X-Original-URI    $request_uri;', 'X-Original-URI    $uri;'),
  },
  {
    what: 'sending GET for HEAD',
    breaks: 'HEAD stays HEAD',
    change: spoiltBy('proxy_pass http://orders;', 'proxy_pass http://orders; proxy_method GET;'),
  },
  {
    what: 'keeping bodies until they are whole',
    breaks: 'a large upload is streamed and arrives whole',
    change: spoiltBy(
      'proxy_request_buffering off;',
      'proxy_request_buffering on; client_body_buffer_size 64k;',
    ),
  },
  {
    what: 'asking nobody',
    breaks: 'an upload that is refused is not read',
    change: spoiltBy('auth_request /_credence;'),
  },
  {
    what: 'handing on any upgrade',
    breaks: 'WebSockets pass, and no other upgrade',
    change: spoiltBy('Upgrade           $credence_upgrade;', 'Upgrade           $http_upgrade;'),
  },
  {
    what: 'keeping answers until they fill a buffer',
    breaks: 'server-sent events pass one by one',
    change: spoiltBy('proxy_buffering off;', 'proxy_buffering on;'),
  },
  {
    what: 'answering preflights itself',
    breaks: 'preflights pass where the API names their origin',
    change: spoiltBy(
      'auth_request /_credence;',
      'if ($request_method = OPTIONS) { return 204; } auth_request /_credence;',
    ),
  },
  {
    what: 'which lets pass what nobody decided',
    breaks: 'outage',
    change: spoiltBy(
      'error_page 401 403 500 = @refused;',
      'error_page 401 403 = @refused; error_page 500 = @open; } location @open { proxy_pass http://orders; } location /x {',
    ),
  },
  {
    what: "without Credence's 503",
    breaks: 'unavailable',
    change: spoiltBy('if ($credence_status = 503) { return 503 $credence_problem; }'),
  },
])
