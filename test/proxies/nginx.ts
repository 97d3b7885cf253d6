import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Start } from './door.ts'
import { configurationIn, replaced } from './guide.ts'
import { type ProxyProcess, startProxyProcess } from './proxy-process.ts'

/** nginx with the guide's configuration, but for ports and paths. */
export const startNginx: Start = ({
  certificate,
  upstreamPort,
  credencePort,
  change,
}): Promise<ProxyProcess> =>
  startProxyProcess({
    command: 'nginx',
    args: (folder) => ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'],
    prepare(folder, port) {
      const site = replaced(change('nginx.conf', configurationIn('nginx.md', 'nginx')), {
        'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
        '/etc/ssl/certs/orders.example.crt': join(folder, 'site.crt'),
        '/etc/ssl/private/orders.example.key': join(folder, 'site.key'),
        '127.0.0.1:6749': `127.0.0.1:${credencePort}`,
        '127.0.0.1:9000': `127.0.0.1:${upstreamPort}`,
      })
      const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${folder};`,
      )
      const surroundings = [
        ...[
          'daemon off;',
          `pid ${join(folder, 'nginx.pid')};`,
          'error_log stderr error;',
          'worker_processes 1;',
        ],
        ...['events {}', 'http {', 'access_log off;', ...paths, site, '}'],
      ]
      writeFileSync(join(folder, 'nginx.conf'), surroundings.join('\n'))
      certificate(folder)
    },
  })
