import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Change, Start } from './door.ts'
import { configurationIn, replaced, shipped } from './guide.ts'
import { startProxyProcess } from './proxy-process.ts'

/** The guide's lines about client certificates, where it says that they belong. */
export const certificatesOfHaproxy: Change = (file, text) => {
  if (file !== 'haproxy.cfg') return text
  const [bind, ...rest] = configurationIn('haproxy.md', 'conf').trimEnd().split('\n')
  return replaced(text, {
    '  bind :443 ssl crt /etc/haproxy/orders.example.pem alpn h2,http/1.1': bind!,
    '  http-request lua.credence': `${rest.join('\n')}\n  http-request lua.credence`,
  })
}

/** HAProxy with the guide's configuration and the action that is shipped, but for ports and paths. */
export const startHaproxy: Start = ({ certificate, upstreamPort, credencePort, change }) =>
  startProxyProcess({
    command: 'haproxy',
    args: (folder) => ['-db', '-f', join(folder, 'haproxy.cfg')],
    prepare(folder, port, ownPort) {
      certificate(folder)
      const pem = ['site.crt', 'site.key'].map((name) => readFileSync(join(folder, name), 'utf8')).join('')
      writeFileSync(join(folder, 'site.pem'), pem)
      const action = change('credence.lua', shipped('deploy/haproxy/credence.lua'))
      writeFileSync(join(folder, 'credence.lua'), action)
      const configuration = change('haproxy.cfg', configurationIn('haproxy.md', 'haproxy'))
      const withCertificates = configuration.includes('clients.pem')
      const site = replaced(configuration, {
        'bind :443': `bind 127.0.0.1:${port}`,
        '/etc/haproxy/orders.example.pem': join(folder, 'site.pem'),
        ...(withCertificates && { '/etc/haproxy/clients.pem': join(folder, 'site.crt') }),
        '/etc/haproxy/credence.lua': join(folder, 'credence.lua'),
        '127.0.0.1:6748': `127.0.0.1:${ownPort}`,
        '127.0.0.1:6749': `127.0.0.1:${credencePort}`,
        '127.0.0.1:9000': `127.0.0.1:${upstreamPort}`,
      })
      writeFileSync(join(folder, 'haproxy.cfg'), site)
    },
  })
