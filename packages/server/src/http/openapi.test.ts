import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { FAULT_CODES, FAULTS, VERDICT_CODES, VERDICTS } from '@credence/core'
import AjvCompiler from '@fastify/ajv-compiler'
import type { FastifySchema } from 'fastify'
import { createTestContext, type TestContext } from '../testing/test-context.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { registerAdministration } from './administration.ts'
import { createApp } from './app.ts'
import { errorCodesIn } from './openapi.ts'

interface Response {
  readonly description?: string
  readonly headers?: Record<string, unknown>
  readonly content?: Record<string, { readonly schema: unknown }>
}
interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly security?: readonly unknown[]
  readonly responses: Readonly<Record<string, Response>>
}
interface Document {
  readonly openapi: string
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

describe('the OpenAPI document', () => {
  let opened: TestContext
  let document: Document
  let operations: { readonly name: string; readonly operation: Operation }[]
  /** What is really served, collected as it is registered. */
  const routes: {
    readonly url: string
    readonly method: string
    readonly schema: FastifySchema | undefined
  }[] = []
  before(async () => {
    opened = await createTestContext()
    const app = createApp(opened.context)
    app.addHook('onRoute', ({ url, method, schema }) => {
      for (const one of [method].flat()) routes.push({ url, method: one, schema })
    })
    registerAdministration(app, opened.context)
    const response = await app.inject('/openapi.json')
    assert.equal(response.statusCode, 200)
    document = response.json()
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
    )
  })
  after(() => opened.close())

  it('is OpenAPI 3.1 and open to everybody', () => {
    assert.equal(document.openapi, '3.1.0')
    assert.ok(operations.length >= 20)
  })

  it('lists exactly the codes of the two tables', () => {
    assert.deepEqual([...errorCodesIn(document)].sort(), [...VERDICT_CODES, ...FAULT_CODES].sort())
    assert.deepEqual(errorCodesIn({}), [])
  })

  it('says of every operation what it is for, in a known group, with its security and an id of its own', () => {
    const groups = document.tags.map(({ name }) => name)
    for (const { name, operation } of operations) {
      assert.ok(operation.summary && operation.description, name)
      assert.ok(operation.security && operation.security.length > 0, name)
      assert.ok(
        operation.tags?.every((tag) => groups.includes(tag)),
        `${name}: ${operation.tags}`,
      )
    }
    const ids = operations.map(({ operation }) => operation.operationId)
    assert.ok(ids.every((id) => id !== undefined))
    assert.equal(new Set(ids).size, ids.length)
  })

  it('says of every operation what success and each refusal look like', () => {
    for (const { name, operation } of operations) {
      const statuses = Object.keys(operation.responses)
      for (const status of ['400', '401', '403', '429', '503'])
        assert.ok(statuses.includes(status), `${name} ${status}`)
      for (const [status, response] of Object.entries(operation.responses)) {
        assert.ok(response.description, `${name} ${status}`)
        assert.ok(response.headers?.['Credence-Request-Id'], `${name} ${status}`)
        if (Number(status) < 400) continue
        const schema = response.content?.['application/problem+json']?.schema
        assert.deepEqual(schema, { $ref: '#/components/schemas/Problem' }, `${name} ${status}`)
      }
    }
  })

  it('covers every route that is served under /v1, and describes none that is not', () => {
    const served = routes
      .filter(({ url, method }) => url.startsWith('/v1/') && method !== 'HEAD')
      .map(({ url, method }) => `${method.toLowerCase()} ${url.replace(/:(\w+)/g, '{$1}')}`)
    assert.ok(served.length >= 30, String(served.length))
    assert.deepEqual(operations.map(({ name }) => name).sort(), served.sort())
  })

  it('holds schemas that compile, every one', () => {
    const compile = AjvCompiler()({}, { customOptions: { allowUnionTypes: true } })
    for (const { url, method, schema } of routes) {
      for (const httpPart of ['body', 'querystring', 'params', 'headers'] as const) {
        const part = schema?.[httpPart]
        // What Fastify hands the compiler is more than its type says.
        if (part !== undefined) compile({ schema: part, method, url, httpPart } as object)
      }
    }
    assert.throws(() =>
      compile({ schema: { type: 'nothing' }, method: 'GET', url: '/', httpPart: 'body' } as object),
    )
  })
})

describe('the reference', () => {
  let server: TestServer
  before(async () => {
    server = await startTestServer()
  })
  after(() => server.close())

  it('runs nothing inline and loads nothing from elsewhere', async () => {
    const page = await fetch(`${server.url}/docs`)
    const html = await page.text()
    assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/)
    assert.doesNotMatch(policy, /unsafe|\*|https?:/)
    assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)|\son\w+=|style=|https?:\/\//)
    const files = [...html.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)].map(([, file]) => file!)
    assert.equal(files.length, 3)
    for (const file of files) {
      const response = await fetch(server.url + file)
      assert.equal(response.status, 200, file)
      assert.match(response.headers.get('content-type') ?? '', /^text\/(?:css|javascript); charset=utf-8$/)
      assert.ok((await response.text()).length > 50)
    }
  })

  for (const file of ['index.html', '..%2fpackage.json', '%2e%2e%2findex.js', 'constructor', '__proto__']) {
    it(`has no file ${file}`, async () => {
      assert.equal((await fetch(`${server.url}/docs/${file}`)).status, 404)
    })
  }

  it('explains every code, to people and to programs, at the address that problems carry as their type', async () => {
    for (const [code, row] of Object.entries({ ...VERDICTS, ...FAULTS })) {
      const url = `${server.url}/problems/${code.toLowerCase().replaceAll('_', '-')}`
      const json = (await (await fetch(url)).json()) as { code: string; meaning: string }
      assert.deepEqual([json.code, json.meaning], [code, row.meaning])
      const html = await (await fetch(url, { headers: { accept: 'text/html' } })).text()
      assert.ok(html.includes(`<code>${code}</code>`))
    }
    assert.equal((await fetch(`${server.url}/problems/nothing`)).status, 404)
  })
})
