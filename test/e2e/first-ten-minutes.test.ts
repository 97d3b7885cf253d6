import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type RunningServer, startServer } from '../running-server.ts'
import { answers, freePort } from './ports.ts'
import { difference, type Entry, readTranscript } from './transcript.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')
/** The README's `npx credence` is this checkout's command under this very node; off a terminal curl shows its meter. */
const SHELL = 'npx() { shift; "$NODE" packages/cli/src/main.js "$@"; }; curl() { command curl -sS "$@"; }; '

describe("the README's first ten minutes", () => {
  const left = readTranscript(README, 'The first ten minutes')
  const variables: Record<string, string> = {}
  const seen = { credential: '', requestId: '' }
  let server: RunningServer
  let upstream: ChildProcess | undefined
  let upstreamPort = 0

  before(async () => {
    upstreamPort = await freePort()
    server = await startServer()
  })
  after(async () => {
    upstream?.kill('SIGKILL')
    await server.stop()
  })

  /** The next command of the README: it must begin like this, so that no step is forgotten. */
  function next(beginning: string): Entry {
    const entry = left.shift()
    assert.ok(entry !== undefined, `${beginning} is not there`)
    assert.ok(entry.command.startsWith(beginning), `${entry.command} comes where ${beginning} should`)
    return entry
  }

  /** A command with what the run found out put in: ports, the credential's id, the request's. */
  function filled(text: string): string {
    return text
      .replaceAll('127.0.0.1:6750', server.gateway.replace('http://', ''))
      .replaceAll('127.0.0.1:6749', server.api.replace('http://', ''))
      .replaceAll('127.0.0.1:9000', `127.0.0.1:${upstreamPort}`)
      .replaceAll('listen(9000', `listen(${upstreamPort}`)
      .replaceAll('why r3', `why ${seen.requestId}`)
      .replace(/^(.*credentials \w+ )5Hd8…/m, `$1${seen.credential}`)
  }

  /** Runs a command in a shell as the reader would; both streams come as one, as on a terminal. */
  async function run({ command }: Entry, onTerminal = false): Promise<string> {
    const assigned = /^([A-Z]+)=\$\(/.exec(command)?.[1]
    const words = filled(command).replace('npx credence', '"$NODE" packages/cli/src/main.js')
    const script = onTerminal ? `script -qec '${words}' /dev/null` : SHELL + filled(command)
    const tell = assigned === undefined ? '' : `\nprintf '%s' "$${assigned}" >&3`
    const child = spawn('bash', ['-c', `exec 2>&1\n${script}${tell}`], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
      env: {
        ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CREDENCE_'))),
        ...{
          NODE: process.execPath,
          NO_COLOR: '1',
          CREDENCE_DATA: server.dataPath,
          CREDENCE_URL: server.api,
        },
        ...{ XDG_CONFIG_HOME: server.dataPath, TERM: 'dumb', ...variables },
      },
    })
    const [printed, value] = await Promise.all([textOf(child.stdio[1]!), textOf(child.stdio[3]!)])
    if (assigned !== undefined) variables[assigned] = value
    return printed
  }

  /** Runs the next command and holds its output against the README's, line by line. */
  async function showsTheSame(beginning: string, onTerminal = false): Promise<string> {
    const entry = next(beginning)
    const printed = await run(entry, onTerminal)
    assert.equal(difference(entry.lines.map(filled), printed), null)
    return printed
  }

  it('starts with a banner that says where everything is', () => {
    const banner = server.output().stdout.replaceAll(server.dataPath, './data')
    assert.equal(difference(next('npm ci && npm start').lines.map(filled), banner), null)
    assert.ok(!banner.includes(server.adminKey))
  })

  it('makes an API, and warns that nothing answers behind it yet', async () => {
    await showsTheSame('npx credence apis create orders')
  })

  it('issues a key: the secret alone on standard output, what it is on standard error', async () => {
    const start = next('node -e "require(')
    upstream = spawn('bash', ['-c', `exec "$NODE" ${filled(start.command).replace(/^node | &$/g, '')}`], {
      env: { NODE: process.execPath },
      stdio: 'ignore',
    })
    await answers(upstreamPort)
    const printed = await showsTheSame('KEY=$(npx credence keys create')
    seen.credential = /credential (\S+) for/.exec(printed)![1]!
    assert.match(variables.KEY!, new RegExp(`^crd_live_${seen.credential}\\w{38}$`))
  })

  it('is 401 without the key', async () => {
    const entry = next('curl -i')
    const lines = (await run(entry)).split(/\r?\n/)
    const [status, challenge, body] = entry.lines as [string, string, string]
    assert.ok(lines.includes(status))
    assert.ok(
      lines.some((line) => line.toLowerCase() === challenge.toLowerCase()),
      lines.join('\n'),
    )
    assert.equal(difference([body], lines.at(-1)!), null)
  })

  it('is 200 with it, and the upstream knows which customer it is', async () => {
    await showsTheSame('curl -H "Authorization: Bearer $KEY"')
  })

  it('is 403 beyond its scopes, and why says what would allow it', async () => {
    const printed = await showsTheSame('curl -XPOST')
    seen.requestId = (JSON.parse(printed) as { request_id: string }).request_id
    await showsTheSame('npx credence why r3')
  })

  it('is 429 past its limit: of 120 requests about 100 pass', async () => {
    const { command, lines } = next('for i in $(seq 120)')
    assert.deepEqual(lines, ['    ~100 200', '     ~20 429'])
    const start = performance.now()
    const printed = await run({ command, lines })
    const seconds = (performance.now() - start) / 1000
    const counts = new Map([...printed.matchAll(/(\d+) (\d+)/g)].map(([, n, status]) => [status, Number(n)]))
    assert.deepEqual([...counts.keys()].sort(), ['200', '429'])
    const passed = counts.get('200')!
    // One of the 100 went on the request before; from then on 100 a minute come back.
    const most = Math.min(110, 101 + Math.ceil((seconds * 100) / 60))
    assert.ok(passed >= 99 && passed <= most, `${passed} passed in ${seconds} s`)
    assert.equal(passed + counts.get('429')!, 120)
  })

  it('rotates with an overlap, and shows who still uses the secret before', async () => {
    await showsTheSame('NEW=$(npx credence credentials rotate')
    assert.notEqual(variables.NEW, variables.KEY)
    const shown = next('npx credence credentials show')
    const printed = await run(shown, true)
    // Below the versions stand the credential's other members, which the README leaves out.
    const versions = printed.split(/\r?\n/).slice(0, shown.lines.length).join('\n')
    assert.equal(difference(shown.lines, versions), null)
  })

  it('refuses at once after a revoke', async () => {
    await showsTheSame('npx credence credentials revoke')
    await showsTheSame('curl -so/dev/null')
    assert.deepEqual(left, [], 'every command of the README was run')
  })
})

async function textOf(stream: unknown): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
