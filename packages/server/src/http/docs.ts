import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { FAULTS, type FaultCode, problemType, VERDICTS, type VerdictCode } from '@credence/core'
import type { FastifyReply } from 'fastify'
import { faultAnswer } from '../doors/problem.ts'
import type { App } from './app.ts'
import { send } from './send.ts'

/** Nothing inline, nothing from elsewhere. The reference asks its own origin for the document, and for nothing else. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const PAGE_HEADERS = {
  'content-security-policy': PAGE_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
}

/** Of the reference's own files; everything else comes out of the package that renders it. */
const OWN_FILES: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
  'start.js': {
    type: 'text/javascript',
    text: `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  supportedSubmitMethods: [],
  validatorUrl: null,
})
`,
  },
}

const PACKAGE_FILES: Readonly<Record<string, string>> = {
  'swagger-ui-bundle.js': 'text/javascript',
  'swagger-ui.css': 'text/css',
}

const REFERENCE_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Credence: reference</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<noscript><p>The document itself: <a href="/openapi.json">/openapi.json</a></p></noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

/** `/openapi.json`, the reference rendered from it at `/docs`, and a page for every code. Open to everybody. */
export function registerDocs(app: App): void {
  let document: string | null = null
  app.get('/openapi.json', async (_request, reply) => {
    document ??= JSON.stringify(app.swagger())
    return reply.type('application/json').send(document)
  })

  app.get('/docs', async (_request, reply) => page(reply, REFERENCE_PAGE))
  app.get('/docs/', async (_request, reply) => reply.redirect('/docs', 308))
  app.get<{ Params: { file: string } }>('/docs/:file', async (request, reply) => {
    const { file } = request.params
    const own = Object.hasOwn(OWN_FILES, file) ? OWN_FILES[file] : undefined
    const type = own?.type ?? (Object.hasOwn(PACKAGE_FILES, file) ? PACKAGE_FILES[file] : undefined)
    if (type === undefined)
      return send(reply, faultAnswer('RESOURCE_NOT_FOUND', 'there is no such page', request.id))
    reply.headers(PAGE_HEADERS).header('cache-control', 'public, max-age=3600').type(`${type}; charset=utf-8`)
    return reply.send(own?.text ?? (await packageFile(file)))
  })

  app.get<{ Params: { code: string } }>('/problems/:code', async (request, reply) => {
    const row = rowOf(request.params.code)
    if (row === null)
      return send(reply, faultAnswer('RESOURCE_NOT_FOUND', 'there is no such code', request.id))
    const wantsHtml = request.headers.accept?.includes('text/html') === true
    return wantsHtml ? page(reply, problemPage(row)) : reply.send(row)
  })
}

/** Read when somebody asks, and not kept: the reference is looked at now and then, and is larger than all else. */
function packageFile(name: string): Promise<Buffer> {
  const { resolve } = createRequire(import.meta.url)
  return readFile(join(dirname(resolve('@fastify/swagger-ui/package.json')), 'static', name))
}

function page(reply: FastifyReply, html: string): FastifyReply {
  return reply.headers(PAGE_HEADERS).type('text/html; charset=utf-8').send(html)
}

interface CodeRow {
  readonly type: string
  readonly code: VerdictCode | FaultCode
  readonly status: number
  readonly title: string
  readonly meaning: string
}

/** @param slug the last segment of a problem's type: `not-found` */
function rowOf(slug: string): CodeRow | null {
  for (const [code, row] of Object.entries({ ...VERDICTS, ...FAULTS })) {
    const type = problemType(code)
    if (type !== `/problems/${slug}`) continue
    const { status, title, meaning } = row
    return { type, code: code as VerdictCode | FaultCode, status, title, meaning }
  }
  return null
}

function problemPage({ code, status, title, meaning }: CodeRow): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(code)}: ${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p><code>${escapeHtml(code)}</code>, HTTP status ${status}</p>
<p>${escapeHtml(meaning)}</p>
<p><a href="/docs">Reference</a></p>
</body>
</html>
`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)
}
