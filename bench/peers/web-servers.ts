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
