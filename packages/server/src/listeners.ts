import type { ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type ClientCertificateOptions, type ListenerTls, loadClientCertificates } from './client-ca.ts'
import { capConnections } from './connection-cap.ts'
import type { Context, OwnListener } from './context.ts'
import { registerForwardAuth } from './forward-auth/forward-auth.ts'
import { Gateway } from './gateway/gateway.ts'
import { certificateFor, certificatePaths } from './host.ts'
import { registerAdministration } from './http/administration.ts'
import { type App, createApp } from './http/app.ts'
import { registerHealth } from './http/health.ts'
import { describeRoutes } from './http/openapi.ts'
import { registerSelf } from './http/routes/self.ts'
import { registerTokens } from './http/routes/tokens.ts'
import { registerVerify } from './http/routes/verify.ts'
import { registerWellKnown } from './http/well-known.ts'
import { watchCertificate } from './tls.ts'
import { VERSION } from './version.ts'

type Address = { readonly host: string; readonly port: number }

/** Opens every listener that the configuration asks for. @returns what closes them, after draining */
export async function openListeners(context: Context): Promise<() => Promise<void>> {
  const { config, metrics, listeners, log } = context
  const certificate = certificateFor(config)
  const paths = certificatePaths(config)
  const closers: (() => Promise<void>)[] = []
  const secured: { setSecureContext(tls: ListenerTls): void }[] = []

  async function openApp(
    name: OwnListener['name'],
    address: Address,
    tls: ListenerTls | null,
    fill: (app: App) => void,
  ) {
    const app = createApp(context, { http: httpOptions(context), tls })
    app.addHook('onResponse', async (_request, reply) => metrics.responded(name, reply.statusCode))
    capConnections(app.server, name, context)
    fill(app)
    await app.listen(address)
    if (tls !== null) secured.push(app.server as never)
    listeners.push({ name, ...boundAddress(app.server.address()) })
    closers.push(() => closeApp(app, config.drainSeconds))
  }

  try {
    await openApp('api', config.listen, certificate, (app) => {
      registerForwardAuth(app, context)
      registerWellKnown(app, context)
      if (config.adminListen === null) registerAdministration(app, context)
      else registerForApplications(app, context)
      if (config.opsListen === null) registerHealth(app, context)
    })
    if (config.adminListen !== null) {
      await openApp('admin', config.adminListen, certificate, (app) => registerAdministration(app, context))
    }
    if (config.opsListen !== null) {
      await openApp('ops', config.opsListen, null, (app) => registerHealth(app, context))
    }
    if (config.gatewayListen !== 'off') {
      const { host, port } = config.gatewayListen
      const gateway = new Gateway(context, { tls: certificate })
      capConnections(gateway.server, 'gateway', context)
      await new Promise<void>((resolve, reject) => {
        gateway.server.once('error', reject).listen(port, host, () => resolve())
      })
      if (certificate !== null) secured.push(gateway.server as never)
      listeners.push({ name: 'gateway', ...boundAddress(gateway.server.address()) })
      closers.push(() => gateway.close())
    }
  } catch (error) {
    await Promise.all(closers.map((close) => close()))
    throw error
  }
  // The last good ones, as of the certificate.
  let authorities: ClientCertificateOptions = certificate?.ca === undefined ? {} : { ca: certificate.ca }
  const unwatch =
    certificate === null || paths === null
      ? () => {}
      : watchCertificate(paths, {
          current: certificate,
          apply: (renewed) => {
            const clients = loadClientCertificates(config)
            if (!clients.ok) log.error(`the authorities of clients were not reloaded: ${clients.problem}`)
            else authorities = clients.options
            for (const server of secured) server.setSecureContext({ ...renewed, ...authorities })
            log.info({ expires_at: new Date(renewed.expiresAtMs).toISOString() }, 'new certificate in use')
          },
          onProblem: (problem) => log.error(`the certificate was not reloaded: ${problem}`),
        })
  return async () => {
    unwatch()
    await Promise.all(closers.map((close) => close()))
  }
}

/** What applications call, when administration has a listener of its own. */
function registerForApplications(app: App, context: Context): void {
  app.setSerializerCompiler(() => JSON.stringify)
  describeRoutes(app, VERSION, context)
  app.register(async (scope) => {
    registerVerify(scope as App, context)
    registerSelf(scope as App, context)
    registerTokens(scope as App, context)
  })
}

function httpOptions({ config }: Context): ServerOptions {
  return {
    maxHeaderSize: config.maxHeaderBytes,
    headersTimeout: config.requestHeadTimeoutSeconds * 1000,
    // Before a head there is the handshake, which Node would wait two minutes for.
    handshakeTimeout: config.requestHeadTimeoutSeconds * 1000,
    // How often overdue connections are looked for: a slow client is gone soon after its time.
    connectionsCheckingInterval: 1000,
  }
}

async function closeApp(app: App, drainSeconds: number): Promise<void> {
  const overdue = setTimeout(() => app.server.closeAllConnections(), drainSeconds * 1000)
  await app.close()
  clearTimeout(overdue)
}

function boundAddress(address: AddressInfo | string | null): Address {
  if (address === null || typeof address === 'string') throw new Error('the listener has no address')
  return { host: address.address, port: address.port }
}
