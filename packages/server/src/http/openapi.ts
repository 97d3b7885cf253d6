import swagger from '@fastify/swagger'
import type { Context } from '../context.ts'
import type { App } from './app.ts'
import { TAGS } from './route-schema.ts'
import { Problem } from './schemas.ts'

/** How callers say who they are. */
const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'A Credence key, `Authorization: Bearer crd_live_…` (RFC 6750).',
  },
  header: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: 'The same key in a header of its own.',
  },
} as const

const DESCRIPTION = `One authority for every credential that an API accepts.

Administration takes and gives JSON in snake case; times are RFC 3339. Whatever goes wrong comes as problem+json
(RFC 9457) whose \`code\` is one of a closed list; \`errors\` names every field at fault. A credential acts in its own
workspace; what belongs to another is not found there.`

/** Collects the schemas of all routes that are registered after it into the OpenAPI document. */
export function describeRoutes(app: App, version: string, { config }: Pick<Context, 'config'>): void {
  app.addSchema(Problem)
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Credence',
        version,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: config.publicUrl ?? '/' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    hideUntagged: true,
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, index) =>
        typeof json.$id === 'string' ? json.$id : `Shape${index}`,
    },
  })
}

/** The codes that an OpenAPI document lists for its problems. */
export function errorCodesIn(document: unknown): readonly string[] {
  const { components } = document as {
    components?: { schemas?: { Problem?: { properties?: { code?: { enum?: readonly string[] } } } } }
  }
  return components?.schemas?.Problem?.properties?.code?.enum ?? []
}
