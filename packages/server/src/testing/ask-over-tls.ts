import { request } from 'node:https'

/** What a client shows of itself: its certificate, and the key of that. */
export interface TlsClient {
  readonly cert?: string
  readonly key?: string
}

/** Asks a TLS listener of this machine for `/orders/7`. @returns `200`, or the code of the refusal */
export function askOverTls(
  listener: { readonly port: number; readonly ca: string },
  headers: Readonly<Record<string, string>>,
  client: TlsClient = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', path: '/orders/7', headers, agent: false, ...listener, ...client }
    request(options, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () =>
        resolve(response.statusCode === 200 ? '200' : (JSON.parse(text) as { code: string }).code),
      )
    })
      .on('error', reject)
      .end()
  })
}
