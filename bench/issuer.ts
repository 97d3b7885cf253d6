import { Agent, request } from 'node:http'
import type { RunningServer } from '../test/running-server.ts'

/** Issues credentials over HTTP as fast, or as often, as it is told. */
export interface Issuer {
  /** Issues one; its key. @throws Error where it is not issued */
  readonly issue: () => Promise<string>
  readonly close: () => void
}

/** @param connections how many requests may be under way at once */
export function issuerFor({ api, adminKey }: RunningServer, connections: number): Issuer {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const body = JSON.stringify({
    kind: 'api_key',
    api: 'orders',
    scopes: ['orders:read'],
    principal: 'billing',
  })
  const headers = {
    authorization: `Bearer ${adminKey}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  }
  const issue = () =>
    new Promise<string>((resolve, reject) => {
      const asked = request(`${api}/v1/credentials`, { method: 'POST', agent, headers }, async (answer) => {
        let text = ''
        for await (const part of answer.setEncoding('utf8')) text += part
        if (answer.statusCode === 201) resolve((JSON.parse(text) as { secret: string }).secret)
        else reject(new Error(`issuing was answered ${answer.statusCode}: ${text}`))
      })
      asked.on('error', reject).end(body)
    })
  return { issue, close: () => agent.destroy() }
}

/** Calls `task` so often, each when its time has come, whether or not those before have ended. */
export async function atRate(
  perSecond: number,
  seconds: number,
  task: () => Promise<unknown>,
): Promise<void> {
  const startMs = performance.now()
  const underWay: Promise<unknown>[] = []
  for (let made = 0; made < perSecond * seconds; ) {
    const due = Math.min(perSecond * seconds, ((performance.now() - startMs) * perSecond) / 1000)
    for (; made < due; made++) underWay.push(task())
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(underWay)
}
