import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { checkAsyncProperty } from '@credence/core/testing/rounds'
import fc from 'fast-check'
import { FuzzedServer } from './fuzzed-server.ts'

/** What a credential must be by now, as its holder and its operator know it. */
interface Model {
  readonly id: string
  /** The newest secret. */
  secret: string
  /** Secrets that a rotation without overlap ended. */
  readonly ended: string[]
  state: 'active' | 'disabled' | 'revoked' | 'deleted'
}

interface Shown {
  readonly credential: { readonly id: string; readonly status: string }
  readonly secret: string
}

const STEPS = ['create', 'rotate', 'disable', 'enable', 'revoke', 'delete', 'rename'] as const
type Step = (typeof STEPS)[number]

let fuzzed: FuzzedServer
before(async () => {
  fuzzed = await FuzzedServer.start()
})
after(() => fuzzed.stop())

test('whatever is done to credentials in whatever order, each verifies as its last acknowledged state says', async () => {
  const sequence = fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.nat({ max: 20 })), {
    minLength: 1,
    maxLength: 14,
  })
  await checkAsyncProperty(
    'sequences of steps on credentials',
    60,
    fc.asyncProperty(sequence, async (steps) => {
      const models = [await create()]
      for (const [step, at] of steps) {
        if (step === 'create') models.push(await create())
        else await carryOut(step, models[at % models.length]!)
      }
      for (const model of models) await check(model)
    }),
  )
})

const EXPECTED = { active: 'VALID', disabled: 'DISABLED', revoked: 'REVOKED', deleted: 'NOT_FOUND' } as const

async function check({ id, secret, ended, state }: Model): Promise<void> {
  const shown = await fuzzed.call<{ status: string }>('GET', `/v1/credentials/${id}`)
  if (state === 'deleted') assert.equal(shown.status, 404)
  else assert.deepEqual([shown.status, shown.body.status], [200, state])
  assert.equal(await codeOf(secret), EXPECTED[state])
  for (const old of ended) {
    const code = await codeOf(old)
    // Old versions are forgotten one day; until then the credential's own state is told first.
    assert.ok(
      code === 'EXPIRED' || code === 'NOT_FOUND' || code === EXPECTED[state],
      `${code} of an ended secret`,
    )
    assert.notEqual(code, 'VALID')
  }
}

async function codeOf(credential: string): Promise<string> {
  const { status, body } = await fuzzed.call<{ code: string }>('POST', '/v1/verify', {
    api: 'orders',
    credential,
  })
  assert.equal(status, 200)
  return body.code
}

async function create(): Promise<Model> {
  const body = { kind: 'api_key', api: 'orders', scopes: ['orders:read'], principal: 'billing' }
  const { status, body: made } = await fuzzed.call<Shown>('POST', '/v1/credentials', body)
  assert.equal(status, 201)
  return { id: made.credential.id, secret: made.secret, ended: [], state: 'active' }
}

/** Does one step; what must be refused in the model's state must be refused by the server, and change nothing. */
async function carryOut(step: Exclude<Step, 'create'>, model: Model): Promise<void> {
  const path = `/v1/credentials/${model.id}`
  const answer =
    step === 'delete'
      ? await fuzzed.call<Shown>('DELETE', path)
      : step === 'rename'
        ? await fuzzed.call<Shown>('PATCH', path, { name: 'renamed' })
        : await fuzzed.call<Shown>('POST', `${path}/${step}`, {})
  if (model.state === 'deleted') return assert.equal(answer.status, 404, step)
  // A revoked credential is over, and a disabled one gets no new secret.
  const mayRefuse = model.state === 'revoked' || (model.state === 'disabled' && step === 'rotate')
  if (answer.status === 409) return assert.ok(mayRefuse, `${step} of ${model.state}`)
  assert.ok(answer.status === 200 || answer.status === 204, `${step} of ${model.state}: ${answer.status}`)
  switch (step) {
    case 'delete':
      model.state = 'deleted'
      return
    case 'rotate':
      model.ended.push(model.secret)
      model.secret = answer.body.secret
      return
    case 'disable':
    case 'enable':
    case 'revoke':
      // What was revoked stays so.
      assert.ok(model.state !== 'revoked' || step === 'revoke', `${step} of a revoked credential`)
      model.state = step === 'disable' ? 'disabled' : step === 'enable' ? 'active' : 'revoked'
      return
    case 'rename':
      return
  }
}
