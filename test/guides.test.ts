import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { parseIpRange } from '@credence/core'
import { protectApi } from '@credence/server/testing/protected-api'
import { startSurfaces } from '@credence/server/testing/surfaces'
import { parseAllDocuments } from 'yaml'

const GUIDES = resolve(import.meta.dirname, '../docs/guides')
const guide = (name: string) => readFileSync(resolve(GUIDES, name), 'utf8')

/** The YAML in a page, parsed. @throws Error where it is not well-formed, or says something twice */
function yamlIn(page: string): unknown[] {
  const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1]!)
  return blocks.flatMap((block) =>
    parseAllDocuments(block).map((document) => {
      const [problem] = [...document.errors, ...document.warnings]
      if (problem !== undefined) throw problem
      return document.toJS() as unknown
    }),
  )
}

/** Every identity header of an answer to a proxy, in lower case. */
async function identityHeaders(): Promise<string[]> {
  const surfaces = await startSurfaces({ config: { trustedProxies: [parseIpRange('127.0.0.1')!] } })
  const { key } = await protectApi(surfaces.context)
  const headers = { authorization: `Bearer ${key}`, 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/x' }
  const answer = await fetch(`${surfaces.api}/v1/authorize/orders`, { headers })
  await surfaces.close()
  assert.equal(answer.status, 200)
  return [...answer.headers.keys()].filter((name) => name.startsWith('x-credence-'))
}

/** The names that a guide's configuration does not speak of; Traefik's is a pattern. */
function namesMissing(page: string, names: readonly string[]): string[] {
  const configuration = [...page.matchAll(/^```(?:nginx|caddyfile|yaml)\n([\s\S]*?)^```$/gm)]
  const text = configuration.map((match) => match[1]!.toLowerCase()).join('\n')
  const pattern = /authResponseHeadersRegex: "\(\?i\)([^"]+)"/.exec(page)?.[1]
  const isNamed = (name: string) =>
    pattern === undefined ? new RegExp(`\\b${name}[\\s;]`).test(text) : new RegExp(pattern, 'i').test(name)
  return names.filter((name) => !isNamed(name))
}

test('every identity header that Credence sets is in each guide, so that each proxy overwrites it', async () => {
  const names = await identityHeaders()
  assert.ok(names.length >= 8)
  for (const name of ['nginx.md', 'caddy.md', 'envoy.md', 'traefik.md']) {
    assert.deepEqual(namesMissing(guide(name), names), [], name)
  }
  const table = guide('forward-auth.md').toLowerCase()
  for (const name of names) assert.ok(table.includes(`| \`${name}\` |`), name)
  assert.deepEqual(namesMissing(guide('nginx.md'), ['x-credence-new']), ['x-credence-new'])
  assert.deepEqual(namesMissing(guide('traefik.md').replace('credence[', 'credense['), names), names)
})

test('the pattern in the guide for Traefik also takes names in other spellings', () => {
  const spellings = [
    'X_Credence_Principal',
    'X.Credence.Scopes',
    'x-credence-x',
    'Credence-Request-Id',
    'Credence_X',
  ]
  assert.deepEqual(namesMissing(guide('traefik.md'), spellings), [])
  assert.deepEqual(namesMissing(guide('traefik.md'), ['X-Credential', 'Accept']), ['X-Credential', 'Accept'])
})

/** Envoy's filters in their order, by name. */
function envoyFilters(page: string): { name: string; typed_config: Record<string, unknown> }[] {
  const text = JSON.stringify(yamlIn(page))
  const filters = /"http_filters":(\[.*?\]),"route_config"/.exec(text)?.[1]
  return JSON.parse(filters ?? '[]')
}

test('in the guide for Envoy names are removed before Credence is asked, and a failure lets nothing pass', () => {
  const page = guide('envoy.md')
  const filters = envoyFilters(page)
  assert.deepEqual(
    filters.map(({ name }) => name.replace('envoy.filters.http.', '')),
    ['header_mutation', 'ext_authz', 'router'],
  )
  assert.equal(filters[1]!.typed_config.failure_mode_allow, false)
  const removedLast = /"request_headers_to_remove":(\[[^\]]*\])/.exec(JSON.stringify(yamlIn(page)))?.[1]
  assert.deepEqual(JSON.parse(removedLast ?? 'null'), ['authorization', 'x-api-key'])
})

test('the YAML of every guide is well-formed, and what is not is found', () => {
  const pages = globSync('*.md', { cwd: GUIDES })
  const documents = pages.flatMap((page) => yamlIn(guide(page)))
  assert.ok(documents.length >= 3)
  for (const broken of ['a: [1', 'a: 1\na: 2', 'a:\n  b: 1\n c: 2']) {
    assert.throws(() => yamlIn(`\`\`\`yaml\n${broken}\n\`\`\``), broken)
  }
})
