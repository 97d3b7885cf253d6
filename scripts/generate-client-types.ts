/** Writes the SDK's types of requests and answers anew, from the OpenAPI document that the server gives. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { startTestServer } from '@credence/server/testing/test-server'
import { type OpenApiDocument, openApiTypes } from './openapi-types.ts'

const ROOT = resolve(import.meta.dirname, '..')
const BIOME = resolve(ROOT, 'node_modules/@biomejs/biome/bin/biome')
export const CLIENT_TYPES = 'packages/sdk/src/openapi.ts'

/** The module as it belongs in CLIENT_TYPES, formatted as everything else is. */
export async function clientTypes(): Promise<string> {
  const text = openApiTypes(await readDocument())
  const args = [BIOME, 'format', `--stdin-file-path=${CLIENT_TYPES}`]
  return execFileSync(process.execPath, args, { cwd: ROOT, input: text, encoding: 'utf8' })
}

/** The document of a server with nothing in it. */
export async function readDocument(): Promise<OpenApiDocument> {
  const server = await startTestServer()
  try {
    const response = await fetch(`${server.url}/openapi.json`)
    // Ours, and openApiTypes refuses what it does not know.
    return (await response.json()) as OpenApiDocument
  } finally {
    await server.close()
  }
}

if (import.meta.main) {
  writeFileSync(resolve(ROOT, CLIENT_TYPES), await clientTypes())
  console.log(`${CLIENT_TYPES} is fresh`)
}
