import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Change, Start } from './door.ts'
import { configurationIn, replaced } from './guide.ts'
import { startProxyProcess } from './proxy-process.ts'
import { HOST } from './site.ts'

/** The guide's lines about client certificates, where it says that they belong. */
export const certificatesOfCaddy: Change = (file, text) => {
  if (file !== 'Caddyfile') return text
  const [site, inRoute] = configurationIn('caddy.md', 'conf').split('\n\n')
  return replaced(text, { '  route {\n': `${site}\n  route {\n${inRoute}` })
}

/** Caddy with the guide's configuration, but for ports and the certificate. */
export const startCaddy: Start = ({ certificate, upstreamPort, credencePort, change }) =>
  startProxyProcess({
    command: 'caddy',
    args: (folder) => ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')],
    prepare(folder, port) {
      const files = `${join(folder, 'site.crt')} ${join(folder, 'site.key')}`
      const configuration = change('Caddyfile', configurationIn('caddy.md', 'caddyfile'))
      const tls = configuration.includes('  tls {\n')
        ? {
            '  tls {\n': `  tls ${files} {\n`,
            [`${HOST} {\n`]: `https://${HOST}:${port} {\n  bind 127.0.0.1\n`,
          }
        : { [`${HOST} {\n`]: `https://${HOST}:${port} {\n  bind 127.0.0.1\n  tls ${files}\n` }
      const site = replaced(configuration, {
        ...tls,
        '127.0.0.1:6749': `127.0.0.1:${credencePort}`,
        '127.0.0.1:9000': `127.0.0.1:${upstreamPort}`,
      })
      const surroundings = '{\n  admin off\n  auto_https off\n}\n'
      writeFileSync(join(folder, 'Caddyfile'), surroundings + site)
      certificate(folder)
    },
  })
