import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Start } from './door.ts'
import { configurationIn, replaced } from './guide.ts'
import { startProxyProcess } from './proxy-process.ts'
import { HOST } from './site.ts'

/** Caddy with the guide's configuration, but for ports and the certificate. */
export const startCaddy: Start = ({ certificate, upstreamPort, credencePort, change }) =>
  startProxyProcess({
    command: 'caddy',
    args: (folder) => ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')],
    prepare(folder, port) {
      const files = `${join(folder, 'site.crt')} ${join(folder, 'site.key')}`
      const site = replaced(change('Caddyfile', configurationIn('caddy.md', 'caddyfile')), {
        [`${HOST} {\n`]: `https://${HOST}:${port} {\n  bind 127.0.0.1\n  tls ${files}\n`,
        '127.0.0.1:6749': `127.0.0.1:${credencePort}`,
        '127.0.0.1:9000': `127.0.0.1:${upstreamPort}`,
      })
      const surroundings = '{\n  admin off\n  auto_https off\n}\n'
      writeFileSync(join(folder, 'Caddyfile'), surroundings + site)
      certificate(folder)
    },
  })
