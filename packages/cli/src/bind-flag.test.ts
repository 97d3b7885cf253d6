import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runAgainst } from './testing/run-against.ts'
import { CREDENTIAL_ID, SECRET, sampleCredential } from './testing/sample-resources.ts'

const folder = mkdtempSync(join(tmpdir(), 'credence-bind-'))
after(() => rmSync(folder, { recursive: true }))

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publicJwk = publicKey.export({ format: 'jwk' })

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const CREATE = ['keys', 'create', '--api', 'orders', '--principal', 'billing']

async function bindingSent(...flags: string[]): Promise<unknown> {
  const issued = { credential: sampleCredential(), secret: SECRET }
  const result = await runAgainst({ 'POST /v1/credentials': { status: 201, body: issued } }, [
    ...CREATE,
    ...flags,
  ])
  assert.equal(result.exitCode, 0, result.stderr)
  const [request] = result.requests
  return (request!.body as { binding?: unknown }).binding
}

test('of a file with a private key, as JWK or PEM, only the public one is sent', async () => {
  const jwk = file('pair.jwk', JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'till' }))
  assert.deepEqual(await bindingSent('--bind-dpop', jwk), {
    type: 'dpop',
    jwk: { ...publicJwk, kid: 'till' },
  })
  const pem = file('pair.pem', privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
  assert.deepEqual(await bindingSent('--bind-signature', pem), { type: 'signature', jwk: publicJwk })
  const open = file('public.pem', publicKey.export({ format: 'pem', type: 'spki' }).toString())
  assert.deepEqual(await bindingSent('--bind-dpop', open), { type: 'dpop', jwk: publicJwk })
})

test('a file that holds no key is refused before anything is sent, and is not quoted', async () => {
  const secret = file('secret.jwk', JSON.stringify({ kty: 'oct', k: 'c2VjcmV0' }))
  const garbage = file('garbage', 'hunter2')
  for (const flags of [
    ['--bind-dpop', secret],
    ['--bind-dpop', garbage],
    ['--bind-certificate', garbage],
    ['--bind-dpop', join(folder, 'missing')],
    ['--bind-dpop', secret, '--bind-signature', secret],
  ]) {
    const result = await runAgainst({}, [...CREATE, ...flags])
    assert.notEqual(result.exitCode, 0)
    assert.deepEqual(result.requests, [])
    assert.doesNotMatch(result.stderr, /hunter2|c2VjcmV0/)
  }
})

test('a credential is bound, and bound to nothing any more, for the revision that was read', async () => {
  const bound = sampleCredential({ binding: { type: 'dpop', jwk_thumbprint: 'abc' } })
  const path = `/v1/credentials/${CREDENTIAL_ID}`
  const routes = { [`GET ${path}`]: { body: bound }, [`PATCH ${path}`]: { body: bound } }
  const freed = await runAgainst(routes, ['credentials', 'update', CREDENTIAL_ID, '--no-binding'])
  assert.deepEqual(freed.requests[1]?.body, { binding: null })
  const renamed = await runAgainst(routes, ['credentials', 'update', CREDENTIAL_ID, '--name', 'x'])
  assert.deepEqual(renamed.requests[1]?.body, { name: 'x' })
  const shown = await runAgainst(routes, ['credentials', 'show', CREDENTIAL_ID, '--no-json'])
  assert.match(shown.stdout, /bound by +dpop, key abc/)
})
