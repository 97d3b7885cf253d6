import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { type CredentialRecord, clientIdOf, digestPassword, nodeArgon2id, sealDigest } from '@credence/core'
import { type ProtectedApi, protectApi, putRecords } from '@credence/server/testing/protected-api'
import type { Surfaces } from '@credence/server/testing/surfaces'
import { type Answer, ask, SURFACES, type Surface, startFor } from './ask.ts'

const AT_AN_API = SURFACES.filter((surface) => surface !== 'administration')
const PASSWORD = 'hurdle vex quib gnaw'
const ROUTES = [
  { method: 'GET', path: '/orders/*', scopes: 'orders:read', public: false, accepts: null, cost: 1 },
  { method: 'GET', path: '/keys/*', scopes: null, public: false, accepts: ['api_key'], cost: 1 },
] as const

/** The API `orders`, which takes passwords and client secrets, with a key and the username `ann`. */
async function arrange(surfaces: Surfaces): Promise<ProtectedApi & { readonly ann: CredentialRecord }> {
  const { context, upstream } = surfaces
  const made = await protectApi(context, {
    api: { routes: ROUTES, upstream, accepts: ['api_key', 'basic', 'client_secret'] },
  })
  const { workspaceId } = made.credential
  const place = { workspaceId, kind: 'basic', credentialId: 'annannannann', version: 1 } as const
  const digest = await digestPassword(PASSWORD, null, randomBytes, nodeArgon2id)
  const sealedDigest = sealDigest(digest, place, context.sealingKeys, randomBytes)
  const versions = [{ ...made.credential.versions[0]!, sealedDigest }]
  const ann: CredentialRecord = {
    ...made.credential,
    ...{ id: place.credentialId, kind: 'basic', keyPrefix: '', handle: 'ann', versions },
  }
  await putRecords(context, [{ table: 'credential', record: ann }])
  return { ...made, ann }
}

function basic(first: string, second: string, proto = 'https'): Record<string, string> {
  const token = Buffer.from(`${first}:${second}`).toString('base64')
  return { authorization: `Basic ${token}`, 'x-forwarded-proto': proto }
}

async function withServer(surface: Surface, run: (surfaces: Surfaces) => Promise<void>): Promise<void> {
  const surfaces = await startFor(surface)
  try {
    await run(surfaces)
  } finally {
    await surfaces.close()
  }
}

/** What was decided, and what the caller is told to do about it, as the surface says it. */
function told(surface: Surface, answer: Answer) {
  if (surface === 'verify') {
    const { code, status, challenge, retry_after_seconds: wait } = JSON.parse(answer.text)
    return { code, status, challenge, wait }
  }
  const body = answer.headers['content-type']?.includes('json') ? JSON.parse(answer.text) : { code: 'VALID' }
  return {
    code: body.code,
    // For nginx, which makes a 500 of everything else.
    status: Number(answer.headers['x-credence-status'] ?? answer.status),
    challenge: answer.headers['www-authenticate'] ?? null,
    wait: answer.headers['retry-after'] === undefined ? null : Number(answer.headers['retry-after']),
  }
}

for (const surface of AT_AN_API) {
  describe(`HTTP Basic at ${surface}`, () => {
    test('a username with its password comes in, as whose it is', () =>
      withServer(surface, async (surfaces) => {
        const { ann, principal } = await arrange(surfaces)
        for (let times = 0; times < 2; times += 1) {
          const answer = await ask(surfaces, surface, { headers: basic('ann', PASSWORD) })
          assert.equal(told(surface, answer).code, 'VALID')
          if (surface === 'verify') assert.equal(JSON.parse(answer.text).credential.kind, 'basic')
          if (surface === 'guard') assert.equal(answer.text, principal.id)
          if (surface === 'forwarded') assert.equal(answer.headers['x-credence-credential'], ann.id)
        }
      }))

    test('who presents nothing is asked for Bearer or Basic, in UTF-8; where Basic is not taken, not for it', () =>
      withServer(surface, async (surfaces) => {
        await arrange(surfaces)
        const both = await ask(surfaces, surface, { headers: {} })
        const challenge = 'Bearer realm="orders", Basic realm="orders", charset="UTF-8"'
        assert.deepEqual(told(surface, both), { code: 'MISSING', status: 401, challenge, wait: null })
        const keys = await ask(surfaces, surface, { headers: {}, path: '/keys/7' })
        assert.equal(told(surface, keys).challenge, 'Bearer realm="orders"')
      }))

    test('a wrong password and an unknown username are one answer, byte for byte', () =>
      withServer(surface, async (surfaces) => {
        await arrange(surfaces)
        const answers: Answer[] = []
        for (const username of ['nobody', 'ann']) {
          answers.push(await ask(surfaces, surface, { headers: basic(username, 'tundra lobster quill') }))
        }
        assert.deepEqual(answers[0], answers[1])
        assert.deepEqual(
          [told(surface, answers[0]!).code, told(surface, answers[0]!).status],
          ['NOT_FOUND', 401],
        )
      }))

    test('a password without TLS is TLS_REQUIRED, and so is a client secret; garbage is 401 and never a fault', () =>
      withServer(surface, async (surfaces) => {
        const { principal } = await arrange(surfaces)
        for (const username of ['ann', clientIdOf(principal.id)]) {
          const plain = await ask(surfaces, surface, { headers: basic(username, PASSWORD, 'http') })
          assert.deepEqual([told(surface, plain).code, told(surface, plain).status], ['TLS_REQUIRED', 403])
        }
        for (const token of ['YWJj', 'YTpi=', '/////w==', 'OmE=', 'Y2xpXzo=', 'A'.repeat(4000)]) {
          const headers = { authorization: `Basic ${token}`, 'x-forwarded-proto': 'https' }
          const { code, status } = told(surface, await ask(surfaces, surface, { headers }))
          assert.deepEqual([code, status], ['MALFORMED', 401], token)
        }
      }))

    test('who guesses is LOCKED_OUT with Retry-After, and neither a key nor anybody known is kept out', () =>
      withServer(surface, async (surfaces) => {
        const { key } = await arrange(surfaces)
        for (let n = 0; n < 5; n += 1) {
          const wrong = await ask(surfaces, surface, { headers: basic('nobody', `wrong password ${n}`) })
          assert.equal(told(surface, wrong).code, 'NOT_FOUND')
        }
        const locked = told(surface, await ask(surfaces, surface, { headers: basic('nobody', PASSWORD) }))
        assert.deepEqual(locked, { code: 'LOCKED_OUT', status: 429, challenge: null, wait: 1 })
        const valid = await ask(surfaces, surface, { headers: { authorization: `Bearer ${key}` } })
        assert.equal(told(surface, valid).code, 'VALID')
        const ann = await ask(surfaces, surface, { headers: basic('ann', PASSWORD) })
        assert.equal(told(surface, ann).code, 'VALID')
      }))
  })
}
