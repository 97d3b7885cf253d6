import type { AddressInfo } from 'node:net'
import type { Context } from '../context.ts'
import { registerAdministration } from '../http/administration.ts'
import { type App, createApp } from '../http/app.ts'
import { registerWellKnown } from '../http/well-known.ts'
import { createTestContext, type TestContextOptions } from './test-context.ts'

export interface TestResponse<T> {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Parsed JSON; undefined where the body is none. */
  readonly body: T
}

export interface TestServer {
  readonly context: Context
  readonly app: App
  readonly url: string
  readonly adminKey: string
  /** Sends a request with the admin key, unless the headers hold an authorization. An object body goes as JSON. */
  request<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<TestResponse<T>>
  close(): Promise<void>
}

/** Administration over real HTTP on a free port of the loopback interface. */
export async function startTestServer(options: TestContextOptions = {}): Promise<TestServer> {
  const { context, adminKey, close } = await createTestContext(options)
  const app = createApp(context)
  registerWellKnown(app, context)
  registerAdministration(app, context)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  context.listeners.push({ name: 'api', host: '127.0.0.1', port })
  const url = `http://127.0.0.1:${port}`
  return {
    context,
    app,
    url,
    adminKey,
    async request<T>(method: string, path: string, body?: unknown, headers = {}): Promise<TestResponse<T>> {
      const init: RequestInit = { method, headers: { authorization: `Bearer ${adminKey}`, ...headers } }
      if (body !== undefined) {
        init.headers = { 'content-type': 'application/json', ...init.headers }
        init.body = typeof body === 'string' ? body : JSON.stringify(body)
      }
      const response = await fetch(url + path, init)
      const text = await response.text()
      const isJson = response.headers.get('content-type')?.includes('json') === true
      // Tests know what they asked for; a wrong guess fails in their assertions.
      const parsed = (isJson ? JSON.parse(text) : undefined) as T
      return { status: response.status, headers: response.headers, text, body: parsed }
    },
    async close() {
      await app.close()
      await close()
    },
  }
}
