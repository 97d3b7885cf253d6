import type { Context } from '../context.ts'
import type { App } from './app.ts'

/** How long others may keep the key set. Less than any key is published before it signs. Seconds. */
export const JWKS_MAX_AGE_SECONDS = 300

/**
 * `/.well-known/jwks.json`: the public keys that our tokens verify with (RFC 7517 section 5), for anybody. A whole and
 * current set: an issuer that publishes less has valid tokens refused.
 */
export function registerWellKnown(app: App, { publishedKeys, clock }: Context): void {
  app.get('/.well-known/jwks.json', { schema: { hide: true } }, (request, reply) => {
    const { body, etag } = publishedKeys.jwks(clock())
    reply.header('cache-control', `public, max-age=${JWKS_MAX_AGE_SECONDS}`)
    reply.header('etag', etag)
    // The keys are public, and a page of any origin may verify with them.
    reply.header('access-control-allow-origin', '*')
    const known = request.headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
    if (known?.some((tag) => tag === etag || tag === '*')) return reply.code(304).send()
    return reply.type('application/jwk-set+json').send(Buffer.from(body))
  })
}
