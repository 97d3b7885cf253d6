import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { CLIENT_TYPES, clientTypes, readDocument } from './generate-client-types.ts'
import { type OpenApiDocument, openApiTypes } from './openapi-types.ts'

const document = await readDocument()

/** The document with one member of an answer changed. */
function withMember(name: string, schema: unknown): OpenApiDocument {
  const changed = structuredClone(document) as { paths: Record<string, Record<string, unknown>> }
  const { get } = changed.paths['/v1/roles/{ref}'] as {
    get: { responses: { 200: { content: { 'application/json': { schema: { properties: object } } } } } }
  }
  Object.assign(get.responses[200].content['application/json'].schema.properties, { [name]: schema })
  return changed as unknown as OpenApiDocument
}

test(`${CLIENT_TYPES} is what the server's document says; else: node scripts/generate-client-types.ts`, async () => {
  assert.equal(readFileSync(resolve(import.meta.dirname, '..', CLIENT_TYPES), 'utf8'), await clientTypes())
})

test('a change of the document changes the types', () => {
  const before = openApiTypes(document)
  assert.notEqual(openApiTypes(withMember('name', { type: 'integer' })), before)
  assert.notEqual(openApiTypes(withMember('fresh', { type: 'string' })), before)
  assert.match(
    openApiTypes(withMember('fresh', { type: ['boolean', 'null'] })),
    /readonly fresh\?: boolean \| null\n/,
  )
  assert.match(
    openApiTypes(withMember('fresh', { type: 'string', enum: ['a', 'b'] })),
    /fresh\?: 'a' \| 'b'\n/,
  )
  assert.match(openApiTypes(withMember('fresh', { type: 'object', properties: {} })), /Record<string, never>/)
})

test('what has no TypeScript yet is refused and not guessed', () => {
  assert.throws(() => openApiTypes(withMember('fresh', { type: 'wave' })), /no TypeScript is known/)
  assert.throws(() => openApiTypes(withMember('fresh', { type: 'array' })), /an array of nothing/)
  assert.throws(() => openApiTypes(withMember('fresh', { oneOf: [] })), /no TypeScript is known/)
})

test('a shape that has a name and is gone is told', () => {
  const { '/v1/status': _, ...paths } = document.paths
  assert.throws(() => openApiTypes({ ...document, paths }), /showStatus! : there is no such shape/)
})
