import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Peer, type PeerOptions, startPeer } from './process.ts'

/** Caddy and nginx as they answer or forward by themselves. Each keeps its files in the folder that is given. */

type Headers = Readonly<Record<string, string>>

const caddyEnv = (folder: string) => ({ HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder })

/** Replies a constant with these headers. */
export function constantNginx(
  folder: string,
  headers: Headers,
  body = '',
  options?: PeerOptions,
): Promise<Peer> {
  const lines = Object.entries(headers).map(([name, value]) => `add_header ${name} ${JSON.stringify(value)};`)
  return startNginx(folder, `${lines.join(' ')} return 200 ${JSON.stringify(body)};`, '', options)
}

export function constantCaddy(folder: string, headers: Headers): Promise<Peer> {
  const lines = Object.entries(headers).map(([name, value]) => `  header ${name} ${JSON.stringify(value)}`)
  return startPeer(
    (port) => {
      const site = `http://127.0.0.1:${port} {\n${lines.join('\n')}\n  respond "" 200\n}\n`
      const file = join(folder, 'Caddyfile')
      writeFileSync(file, `{\n  admin off\n  auto_https off\n}\n${site}`)
      return ['caddy', 'run', '--config', file, '--adapter', 'caddyfile']
    },
    { env: { ...caddyEnv(folder), GOMAXPROCS: '1' } },
  )
}

/** proxy_pass with connections that are kept. */
export function forwardingNginx(folder: string, upstream: string): Promise<Peer> {
  const forward =
    'proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;'
  const { host } = new URL(upstream)
  return startNginx(
    folder,
    forward,
    `upstream upstream { server ${host}; keepalive 64; keepalive_requests 1000000000; }`,
  )
}

/** Verifies the signature, issuer, audience and end of each JWT by itself, as its manual shows, and replies nothing. */
export function verifyingHaproxy(
  folder: string,
  publicKeyPem: string,
  { issuer, audience }: { readonly issuer: string; readonly audience: string },
): Promise<Peer> {
  mkdirSync(folder, { recursive: true })
  const key = join(folder, 'public.pem')
  writeFileSync(key, publicKeyPem)
  return startPeer((port) => {
    const file = join(folder, 'haproxy.cfg')
    const claim = (name: string, type = '') => `var(txn.bearer),jwt_payload_query('$.${name}'${type})`
    writeFileSync(
      file,
      `global
  nbthread 1
defaults
  mode http
  timeout client 30s
  timeout connect 5s
  timeout server 30s
frontend jwt
  bind 127.0.0.1:${port}
  http-request return status 200 if { path / }
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request set-var(txn.now) date()
  http-request set-var(txn.exp) ${claim('exp', ",'int'")}
  http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 unless { ${claim('iss')} -m str ${issuer} }
  http-request deny deny_status 401 unless { ${claim('aud')} -m str ${audience} }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${key}") 1 }
  http-request return status 200
`,
    )
    return ['haproxy', '-db', '-f', file]
  })
}

function startNginx(folder: string, location: string, besides: string, options?: PeerOptions): Promise<Peer> {
  mkdirSync(folder, { recursive: true })
  return startPeer((port) => {
    const file = join(folder, 'nginx.conf')
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join(' ')
    writeFileSync(
      file,
      `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; ${temporary} ${besides}
  server { listen 127.0.0.1:${port}; location / { ${location} } } }\n`,
    )
    return ['nginx', '-c', file]
  }, options)
}
