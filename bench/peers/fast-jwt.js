// @ts-nocheck: peers are installed by the first run of the benchmarks, so a fresh checkout has no such module.
import { createVerifier } from 'fast-jwt'

/**
 * fast-jwt with its cache of verified tokens.
 * @param {string | Buffer} key public, PEM
 * @param {string} issuer
 * @param {string} audience
 * @param {number} tokens how many its cache holds
 * @returns {(token: string) => unknown} the claims, or throws
 */
export function cachedFastJwt(key, issuer, audience, tokens) {
  return createVerifier({
    ...{ key, algorithms: ['ES256'], allowedIss: issuer, allowedAud: audience },
    ...{ cache: tokens, cacheTTL: 3_600_000 },
  })
}
