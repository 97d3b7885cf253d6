import assert from 'node:assert/strict'
import type { RunningServer } from '../running-server.ts'
import { asking, created, type IssuedBody, revoked, rotated } from './history.ts'
import { acknowledged, type Client, type Step, send } from './load.ts'

type Shown = IssuedBody['credential']

/**
 * What became of the step that a client had sent and not heard of: wholly there or wholly absent. Then it is sent
 * again with its Idempotency-Key, and exactly one of it exists. @returns whether it was there before
 */
export async function settlePending(server: RunningServer, client: Client): Promise<boolean> {
  const step = client.pending!
  client.pending = null
  if (step.do === 'create') return settleCreate(server, client, step)
  client.touched.add(step.known!)
  return step.do === 'rotate' ? settleRotate(server, step) : settleRevoke(server, step)
}

async function settleCreate(server: RunningServer, client: Client, step: Step): Promise<boolean> {
  const before = await withTag(server, step.tag)
  assert.ok(before.length <= 1, `${before.length} credentials of one request`)
  const wasThere = before.length === 1
  await assertTrail(server, step.tag, before[0]?.id ?? null, 'credential.issue')
  // The principal that the request makes too was made with the credential or not at all.
  const ownPrincipal = await server.request('GET', `/v1/principals/${step.tag}`)
  const makesPrincipal = (step.body as { principal: string }).principal === step.tag
  assert.equal(ownPrincipal.status, wasThere && makesPrincipal ? 200 : 404, `principal of ${step.tag}`)
  const again = await send(server, step)
  assert.equal(again.status, 201, again.text)
  assert.equal(again.body.secret === null, wasThere, 'a replay shows no secret, a first time does')
  assert.equal(again.body.secret_shown, wasThere)
  const after = await withTag(server, step.tag)
  assert.deepEqual(
    after.map(({ id }) => id),
    [again.body.credential.id],
    'one Idempotency-Key made one credential',
  )
  if (wasThere) assert.equal(before[0]!.id, again.body.credential.id)
  const known = created(step.tag, again.body)
  client.own.push(known)
  client.touched.add(known)
  return wasThere
}

async function settleRotate(server: RunningServer, step: Step): Promise<boolean> {
  const known = step.known!
  const shown = await show(server, known.id)
  const wasThere = shown.versions.length === known.versions + 1
  if (!wasThere) assert.equal(shown.versions.length, known.versions, `versions of ${known.id}`)
  const previous = known.current
  const again = await send(server, step)
  assert.equal(again.status, 200, again.text)
  assert.equal(again.body.secret === null, wasThere)
  assert.equal((await show(server, known.id)).versions.length, known.versions + 1, 'rotated once')
  rotated(known, step.overlapSeconds, again.body.secret)
  if (previous !== null) {
    assert.equal(await asking(server, 'orders')(previous), known.secrets.get(previous))
  }
  return wasThere
}

async function settleRevoke(server: RunningServer, step: Step): Promise<boolean> {
  const known = step.known!
  const { status } = await show(server, known.id)
  assert.ok(status === 'active' || status === 'revoked', status)
  const wasThere = status === 'revoked'
  const ask = asking(server, 'orders')
  for (const [secret, before] of known.secrets) {
    assert.equal(await ask(secret), wasThere ? 'REVOKED' : before)
  }
  acknowledged(step, await send(server, step))
  revoked(known)
  return wasThere
}

async function show(server: RunningServer, id: string): Promise<Shown> {
  const answer = await server.request<Shown>('GET', `/v1/credentials/${id}`)
  assert.equal(answer.status, 200, answer.text)
  return answer.body
}

async function withTag(server: RunningServer, tag: string): Promise<Shown[]> {
  const answer = await server.request<{ items: Shown[] }>('GET', `/v1/credentials?tag=${tag}`)
  assert.equal(answer.status, 200, answer.text)
  return answer.body.items
}

/** The newest entries of the trail tell of the credential if it is there. */
async function assertTrail(server: RunningServer, tag: string, id: string | null, action: string) {
  const answer = await server.request<{ items: { action: string; target: { id: string } }[] }>(
    'GET',
    '/v1/audit?limit=20',
  )
  if (id === null) return
  const told = answer.body.items.filter((entry) => entry.action === action && entry.target.id === id)
  assert.equal(told.length, 1, `the trail tells once of ${tag}`)
}
