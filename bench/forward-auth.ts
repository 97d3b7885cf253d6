/**
 * Forward-auth over HTTP with API keys: the server as it is started, beside servers that reply a constant with the
 * same headers and decide nothing. All under the same load: 10,000 keys drawn at random, 32 connections.
 */
import { join } from 'node:path'
import { PATH, startForwardAuth } from './forward-auth-server.ts'
import { startNodePeer } from './peers/process.ts'
import { constantCaddy, constantNginx } from './peers/web-servers.ts'
import { atLeast, ratioOf, report } from './report.ts'
import { inTurns } from './turns.ts'
import { wrk } from './wrk.ts'

const CREDENTIALS = 10_000
const SECONDS = 3
const ROUNDS = 5

const { server, keys, requests, folder, close } = await startForwardAuth(CREDENTIALS)
const headers = await headersOfOne()
const peers = {
  'bare Fastify': await startNodePeer('constant-fastify.js', { env: { HEADERS: JSON.stringify(headers) } }),
  'nginx, static': await constantNginx(join(folder, 'nginx'), headers),
  'Caddy, static': await constantCaddy(folder, headers),
}
const full = new Set<string>()
const measured = async (name: string, url: string) => {
  const load = await wrk(`${url}${PATH}`, requests, SECONDS)
  if (load.isFull) full.add(name)
  return load.perSecond
}
const ours = { name: 'forward-auth', measure: () => measured('forward-auth', server.api) }
const theirs = Object.entries(peers).map(([name, { url }]) => ({ name, measure: () => measured(name, url) }))
try {
  const rates = await inTurns([ours, ...theirs], ROUNDS)
  report({
    what: `forward-auth over HTTP, API key, ${CREDENTIALS} credentials at random`,
    unit: 'requests/s',
    rates,
    ratios: [
      ratioOf(rates, 'forward-auth', 'bare Fastify', atLeast(0.85)),
      ratioOf(rates, 'forward-auth', 'nginx, static', atLeast(0.45)),
      ratioOf(rates, 'forward-auth', 'Caddy, static', atLeast(1.3)),
    ],
    notes: full.size === 0 ? [] : [`The load generator's own core was full for: ${[...full].join(', ')}.`],
  })
} finally {
  for (const peer of Object.values(peers)) await peer.stop()
  await close()
}

/** What Credence answers beside the framing, for the peers to answer too. */
async function headersOfOne(): Promise<Record<string, string>> {
  const answer = await fetch(server.api + PATH, {
    headers: {
      authorization: `Bearer ${keys[0]}`,
      'x-forwarded-method': 'GET',
      'x-forwarded-uri': '/orders/7',
    },
  })
  if (answer.status !== 200) throw new Error(await answer.text())
  const framing = new Set(['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'])
  return Object.fromEntries([...answer.headers].filter(([name]) => !framing.has(name)))
}
