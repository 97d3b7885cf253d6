import { relative, sep } from 'node:path'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { adminKeyPath } from './admin-key-file.ts'
import type { Config } from './config.ts'
import type { OwnListener } from './context.ts'
import { storePath } from './host.ts'
import type { Server } from './server.ts'
import { describePostgres, parsePostgresUrl } from './store/postgres-url.ts'
import { VERSION } from './version.ts'

/** What the operator reads first: where everything is, and what to do next. */
export function banner({ config, listening, isFirstStart, workers }: Server): string {
  const { listeners, apis } = listening
  const shared = workers === 1 ? '' : `    ${workers} workers`
  const lines = [
    `credence ${VERSION} ready in ${(performance.now() / 1000).toFixed(1)} s    store ${storeShown(config)}${shared}`,
  ]
  for (const listener of listeners) {
    lines.push(`  ${listener.name.padEnd(8)} ${urlOf(listener, config)}${noteOn(listener, config, apis)}`)
  }
  if (isFirstStart && config.adminKeyPath === null) {
    lines.push(`  admin key in ${shown(adminKeyPath(config))} (0600); the CLI finds it there`)
  }
  if (isFirstStart && config.adminKeyPath !== null)
    lines.push(`  admin key taken from ${config.adminKeyPath}`)
  if (apis === 0) lines.push('  next: npx credence apis create --help')
  return `${lines.join('\n')}\n`
}

function storeShown(config: Config): string {
  const address = config.databaseUrl === null ? null : parsePostgresUrl(config.databaseUrl)
  if (address === null || typeof address === 'string') return `sqlite ${shown(storePath(config))}`
  return `postgres ${describePostgres(address)}`
}

function noteOn({ name }: OwnListener, { adminListen }: Config, apis: number): string {
  const reference = '  reference /docs'
  if (name === 'gateway') return apis === 0 ? '  no APIs yet' : `  ${apis} ${apis === 1 ? 'API' : 'APIs'}`
  if (name === 'api') return adminListen === null ? reference : ''
  return name === 'admin' ? reference : ''
}

function urlOf({ name, host, port }: OwnListener, config: Config): string {
  const isTls = config.tlsCertPath !== null && name !== 'ops'
  return `${isTls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** `./data/admin.key` where that is shorter to read. */
function shown(path: string): string {
  const local = relative(process.cwd(), path)
  return local.startsWith('..') || local === '' ? path : `.${sep}${local}`
}
