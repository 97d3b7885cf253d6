import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAX_VERSIONS } from '../rotate.ts'
import { aRequest, Installation } from '../testing/installation.ts'
import { anApi } from '../testing/records.ts'
import { verify } from '../verify.ts'
import type { VerifyRequest } from '../verify-request.ts'

const PASSWORD = 'hurdle vex quib gnaw'
const api = anApi({ accepts: ['basic', 'api_key'] })

/** `Authorization: Basic` with these two halves, over TLS. */
function asBasic(username: string, password: string, change: Partial<VerifyRequest> = {}): VerifyRequest {
  const token = Buffer.from(`${username}:${password}`).toString('base64')
  return aRequest(null, { api, headers: ['Authorization', `Basic ${token}`], ...change })
}

async function setUp() {
  const here = new Installation()
  here.put('api', api)
  const ann = await here.issuePassword('ann', PASSWORD)
  const ask = (username: string, password: string, change?: Partial<VerifyRequest>) =>
    verify(asBasic(username, password, change), here.verifier)
  return { here, ann, ask }
}

describe('HTTP Basic', () => {
  it('lets in who knows the password, as the credential that has the username', async () => {
    const { ask, ann } = await setUp()
    const decision = await ask('ann', PASSWORD)
    assert.deepEqual([decision.code, decision.credential?.id, decision.version], ['VALID', ann.id, 1])
  })

  it('is asked for, beside Bearer, by whoever takes it, and by nobody else', async () => {
    const { here, ask } = await setUp()
    assert.equal((await ask('ann', 'wrong password 123')).takesBasic, true)
    assert.equal((await verify(aRequest(null, { api }), here.verifier)).takesBasic, true)
    assert.equal((await verify(aRequest(null), new Installation().verifier)).takesBasic, false)
  })

  it('tells a wrong password, an unknown username and one of another workspace apart to the operator alone', async () => {
    const { here, ask } = await setUp()
    await here.issuePassword('bob', PASSWORD, { id: 'CCCCCCCCCCC6', workspaceId: 'ws_000000000009' })
    const wrong = await ask('ann', 'tundra lobster quill')
    assert.deepEqual([wrong.code, wrong.failedCheck, wrong.credential], ['BAD_SECRET', 'secret', null])
    for (const nobody of ['eve', 'bob', 'Ann']) {
      const unknown = await ask(nobody, PASSWORD)
      assert.deepEqual([unknown.code, unknown.failedCheck, unknown.credential], ['NOT_FOUND', 'secret', null])
    }
  })

  it('takes a username and a password in whatever form of Unicode they come', async () => {
    const { here, ask } = await setUp()
    await here.issuePassword('amélie', 'crème brûlée à emporter', { id: 'DDDDDDDDDDD7' })
    assert.equal(
      (await ask('amélie'.normalize('NFD'), 'crème brûlée à emporter'.normalize('NFD'))).code,
      'VALID',
    )
  })

  it('finds nothing by the id of the credential, nor its password in another place', async () => {
    const { here, ask, ann } = await setUp()
    assert.equal((await ask(ann.id, PASSWORD)).code, 'NOT_FOUND')
    for (const headers of [
      ['Authorization', `Bearer ${Buffer.from(`ann:${PASSWORD}`).toString('base64')}`],
      ['X-API-Key', Buffer.from(`ann:${PASSWORD}`).toString('base64')],
    ]) {
      await ask('ann', PASSWORD)
      assert.equal((await verify(aRequest(null, { api, headers }), here.verifier)).code, 'MALFORMED')
    }
  })

  it('is refused without TLS before anything is looked up, and neither counted nor hashed', async () => {
    const { here, ask } = await setUp()
    const { code, failedCheck } = await ask('ann', PASSWORD, { secure: false })
    assert.deepEqual([code, failedCheck], ['TLS_REQUIRED', 'tls'])
    await ask('ann', PASSWORD)
    assert.equal(
      (await ask('ann', PASSWORD, { secure: false })).code,
      'TLS_REQUIRED',
      'also when it is remembered',
    )
    assert.equal(here.passwords.hashes, 2, 'one to issue it, one to let it in')
  })

  it('is refused where the API, or the route, does not say that it takes it', async () => {
    const { here } = await setUp()
    here.change('api', anApi())
    const refused = await verify(asBasic('ann', PASSWORD, { api: anApi() }), here.verifier)
    assert.deepEqual([refused.code, refused.failedCheck], ['KIND_NOT_ACCEPTED', 'kind'])
    assert.equal(here.passwords.hashes, 1)
  })

  it('is refused at administration, whoever it is', async () => {
    const { here } = await setUp()
    for (const homeApiId of [null, () => api.id]) {
      const decision = await verify(asBasic('ann', PASSWORD, { api: null, homeApiId }), here.verifier)
      assert.deepEqual([decision.code, decision.failedCheck], ['KIND_NOT_ACCEPTED', 'kind'])
    }
  })

  it('says what is wrong with a header that is none, quotes nothing of it, and reads no store', async () => {
    const { here } = await setUp()
    for (const token of [
      'YTpi=',
      'YWJj',
      'OmI=',
      'YTo=',
      '/////w==',
      Buffer.from('a:\n').toString('base64'),
    ]) {
      const headers = ['Authorization', `Basic ${token}`]
      const { code, detail } = await verify(aRequest(null, { api, headers }), here.verifier)
      assert.equal(code, 'MALFORMED', token)
      assert.ok(!detail?.includes(token))
    }
    assert.ok(here.reads.every((read) => read.startsWith('api/')))
  })

  it('hashes once and remembers it by itself: verify keeps neither proof nor prepared caller', async () => {
    const { here, ask } = await setUp()
    const { proofs } = here.verifier
    const kept: string[] = []
    const watched = {
      ...here.verifier,
      proofs: Object.assign(Object.create(proofs) as typeof proofs, {
        keyOf: (text: string) => proofs.keyOf(text),
        get: () => assert.fail('a proof was asked for'),
        callerOf: () => null,
        set: (key: string) => kept.push(key),
        prepare: () => {},
      }),
    }
    for (let times = 0; times < 3; times += 1) {
      assert.equal((await verify(asBasic('ann', PASSWORD), watched)).code, 'VALID')
    }
    assert.deepEqual(kept, [])
    assert.equal(here.passwords.hashes, 2)
    here.reads.length = 0
    assert.equal((await ask('ann', PASSWORD)).code, 'VALID')
    assert.deepEqual(here.reads, [], 'who is remembered is not looked up')
  })

  it('remembers for the address that it came from alone', async () => {
    const { here, ask } = await setUp()
    await ask('ann', PASSWORD)
    await ask('ann', PASSWORD, { ip: '198.51.100.7' })
    assert.equal(here.passwords.hashes, 3)
  })

  it('is over at once when it is revoked, disabled or rotated, however well it is remembered', async () => {
    for (const change of [
      { state: 'disabled', code: 'DISABLED' },
      { state: 'revoked', code: 'NOT_FOUND' },
    ] as const) {
      const { here, ann, ask } = await setUp()
      assert.equal((await ask('ann', PASSWORD)).code, 'VALID')
      here.change('credential', { ...ann, state: change.state, revision: 2 })
      assert.equal((await ask('ann', PASSWORD)).code, change.code)
    }
    const { here, ann, ask } = await setUp()
    await ask('ann', PASSWORD)
    const [version] = ann.versions
    const over = { ...version!, endsAtMs: here.nowMs }
    here.change('credential', { ...ann, versions: [over], revision: 2 })
    assert.equal((await ask('ann', PASSWORD)).code, 'EXPIRED')
  })

  it('finds the successor of a username that was given back, though the first owner is remembered', async () => {
    const { here, ann, ask } = await setUp()
    assert.equal((await ask('ann', PASSWORD)).credential?.id, ann.id)
    here.change('credential', { ...ann, state: 'revoked', revision: 2 })
    const successor = await here.issuePassword('ann', 'tundra lobster quill', { id: 'EEEEEEEEEEE8' })
    assert.equal((await ask('ann', PASSWORD)).code, 'BAD_SECRET')
    assert.equal((await ask('ann', 'tundra lobster quill')).credential?.id, successor.id)
  })

  /** What a request asks the store, each with whether there is such a row, and how many hashes it costs. */
  async function traceOf({ here, ask }: Awaited<ReturnType<typeof setUp>>, username: string) {
    here.reads.length = 0
    const before = here.passwords.hashes
    await ask(username, 'tundra lobster quill')
    const isThere = (read: string) => ['handle/ann', 'credential/AAAAAAAAAAA4'].includes(read)
    return [here.reads.map(isThere).sort(), here.passwords.hashes - before]
  }

  it('reads as many rows, there and not there, and hashes as often for an unknown username as for a wrong password', async () => {
    const set = await setUp()
    await set.ask('ann', PASSWORD)
    const wrong = await traceOf(set, 'ann')
    assert.deepEqual(wrong, [[false, true, true], 1])
    assert.deepEqual(await traceOf(set, 'nobody'), wrong)
  })

  it('negative control: without anybody to stand in, the traces differ', async () => {
    const set = await setUp()
    await set.ask('ann', PASSWORD)
    set.here.verifier.lookup.decoyFor = () => null
    assert.notDeepEqual(await traceOf(set, 'nobody'), await traceOf(set, 'ann'))
  })

  it('says LOCKED_OUT and for how long to who guesses, known or unknown, and asks no store for that', async () => {
    const { here, ask } = await setUp()
    const guess = async (username: string, ip: string) => {
      const codes: string[] = []
      for (let attempt = 0; attempt < 7; attempt += 1) {
        here.reads.length = 0
        const { code, retryAfterSeconds } = await ask(username, `wrong password ${attempt}`, { ip })
        codes.push(`${code} ${retryAfterSeconds}`)
      }
      assert.deepEqual(here.reads, [])
      return codes
    }
    const known = await guess('ann', '203.0.113.1')
    const unknown = await guess('eve', '203.0.113.2')
    assert.deepEqual(known.slice(0, 5), Array(5).fill('BAD_SECRET null'))
    assert.deepEqual(known.slice(5), ['LOCKED_OUT 1', 'LOCKED_OUT 1'])
    assert.deepEqual(unknown.slice(5), known.slice(5))
  })

  it('locks out nobody who is known elsewhere, and no other kind of credential', async () => {
    const { here, ask } = await setUp()
    const { key } = here.issue({ id: 'FFFFFFFFFFF9' })
    assert.equal((await ask('ann', PASSWORD)).code, 'VALID')
    for (let attempt = 0; attempt < 300; attempt += 1) {
      await ask('ann', `wrong password ${attempt}`, { ip: `203.0.113.${attempt % 250}` })
    }
    assert.equal((await ask('ann', PASSWORD, { ip: '203.0.113.9' })).code, 'LOCKED_OUT')
    assert.equal((await ask('ann', PASSWORD)).code, 'VALID')
    const valid = await verify(aRequest(key, { api, ip: '203.0.113.9' }), here.verifier)
    assert.equal(valid.code, 'VALID')
  })

  it('is UNAVAILABLE, with when to try again, beyond so many at once; nothing is counted then, and keys go on', async () => {
    const { here, ask } = await setUp()
    const { key } = here.issue({ id: 'FFFFFFFFFFF9' })
    const asks = Array.from({ length: 40 }, (_, n) => ask(`user${n}`, PASSWORD, { ip: `203.0.113.${n}` }))
    assert.equal((await verify(aRequest(key, { api }), here.verifier)).code, 'VALID')
    const decisions = await Promise.all(asks)
    const busy = decisions.filter(({ code }) => code === 'UNAVAILABLE')
    assert.ok(busy.length >= 20, `${busy.length} were refused`)
    assert.ok(busy.every(({ retryAfterSeconds }) => retryAfterSeconds === 1))
    assert.equal(here.passwords.hashes - 1, 40 - busy.length)
    // Pair, username, address and row of each that was compared.
    assert.equal(here.passwords.throttle.size, 4 * (40 - busy.length))
    assert.equal((await ask('ann', PASSWORD)).code, 'VALID')
  })

  it('has the digest renewed where the check says so, once, and never while it answers', async () => {
    const { here, ask, ann } = await setUp()
    const { check } = here.passwords
    const real = check.check.bind(check)
    check.check = async (attempt) => {
      const outcome = await real(attempt)
      return outcome.type === 'matched' ? { ...outcome, needsUpgrade: true } : outcome
    }
    await ask('ann', 'tundra lobster quill')
    assert.equal((await ask('ann', PASSWORD)).code, 'VALID')
    assert.equal((await ask('ann', PASSWORD)).code, 'VALID')
    assert.deepEqual(
      here.passwords.renewed.map(({ credential, password }) => [credential.id, password]),
      [[ann.id, PASSWORD]],
    )
  })

  it('goes on, for who is known, while the store is gone and the API has chosen so; nobody else comes in', async () => {
    const { here, ask } = await setUp()
    const graced = { ...api, outageGraceSeconds: 60 }
    here.change('api', graced)
    assert.equal((await ask('ann', PASSWORD, { api: graced })).code, 'VALID')
    here.isReachable = false
    here.overdueMs = 5000
    here.nowMs += 61_000
    assert.equal((await ask('ann', PASSWORD, { api: graced })).code, 'VALID', 'by a hash, as memory is over')
    assert.equal((await ask('ann', 'tundra lobster quill', { api: graced })).code, 'UNAVAILABLE')
    assert.equal((await ask('eve', PASSWORD, { api: graced })).code, 'UNAVAILABLE')
  })

  it('cannot be decided without a store, and is not counted as a guess then', async () => {
    const { here, ask } = await setUp()
    here.isReachable = false
    here.overdueMs = 5000
    for (let attempt = 0; attempt < 10; attempt += 1) {
      assert.equal((await ask('ann', PASSWORD)).code, 'UNAVAILABLE')
    }
    here.isReachable = true
    here.overdueMs = 0
    assert.equal((await ask('ann', PASSWORD)).code, 'VALID')
  })

  it('opens no digest that was sealed for another kind or another credential', async () => {
    const { here, ann, ask } = await setUp()
    const other = await here.issuePassword('bob', 'tundra lobster quill', { id: 'GGGGGGGGGGG1' })
    here.change('credential', { ...ann, versions: other.versions, revision: 2 })
    assert.equal((await ask('ann', 'tundra lobster quill')).code, 'BAD_SECRET')
    assert.equal((await ask('bob', 'tundra lobster quill')).code, 'VALID')
    assert.ok(MAX_VERSIONS >= ann.versions.length)
  })
})
