import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type RunningServer, startServer, temporaryFolder } from '../running-server.ts'
import { type Example, readExamples } from './examples.ts'
import { answers, freePort } from './ports.ts'
import { difference, type Entry, readTranscript } from './transcript.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const GUIDE = readFileSync(join(ROOT, 'docs/guides/sdk.md'), 'utf8')
const README = readFileSync(join(ROOT, 'packages/sdk/README.md'), 'utf8')
/** The guide's `npx credence` is this checkout's command under this very node. */
const SHELL = `npx() { shift; "$NODE" '${join(ROOT, 'packages/cli/src/main.js')}' "$@"; }; node() { "$NODE" "$@"; }; curl() { command curl -sS "$@"; }; `
const SERVERS = ['fastify.ts', 'express.ts', 'hono.ts', 'node.ts']

describe('the SDK guide', () => {
  const examples = readExamples(GUIDE)
  const folder = temporaryFolder()
  let credence: RunningServer
  let port = 0
  let app: ChildProcess | undefined

  before(async () => {
    port = await freePort()
    credence = await startServer()
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    for (const { name, text } of examples) writeFileSync(join(folder, name), filled(text))
  })
  after(async () => {
    await stopApp()
    await credence.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  function filled(text: string): string {
    return text
      .replaceAll('127.0.0.1:6750', credence.gateway.replace('http://', ''))
      .replaceAll(/\b3000\b/g, String(port))
  }

  function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    const own = Object.entries(process.env).filter(([name]) => !/^(CREDENCE_|NODE_TEST)/.test(name))
    return {
      ...Object.fromEntries(own),
      ...{ NODE: process.execPath, NO_COLOR: '1', TERM: 'dumb' },
      ...{ CREDENCE_DATA: credence.dataPath, CREDENCE_URL: credence.api, XDG_CONFIG_HOME: folder },
      ...more,
    }
  }

  async function run(command: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
    const child = spawn('bash', ['-c', `exec 2>&1\n${SHELL}${filled(command)}`], {
      ...{ cwd: folder, env: environment(more), stdio: ['ignore', 'pipe', 'inherit'] },
    })
    let printed = ''
    for await (const chunk of child.stdout!) printed += chunk
    return printed
  }

  async function startApp(name: string): Promise<void> {
    await stopApp()
    app = spawn(process.execPath, [name], {
      ...{ cwd: folder, env: environment({ CREDENCE_KEY_FILE: 'verify.key' }), stdio: 'inherit' },
    })
    await answers(port)
  }

  async function stopApp(): Promise<void> {
    if (app === undefined || app.exitCode !== null || app.signalCode !== null) return
    const ended = new Promise((resolve) => app!.once('exit', resolve))
    app.kill('SIGKILL')
    await ended
  }

  async function showsTheSame(entries: readonly Entry[], count: number): Promise<void> {
    assert.equal(entries.length, count, 'every command is found')
    for (const { command, lines } of entries) {
      assert.equal(difference(lines.map(filled), await run(command)), null, command)
    }
  }

  it('makes an API and keys with the commands it shows', async () => {
    const beginning = GUIDE.replace('# The SDK', '\n## The SDK')
    await showsTheSame(readTranscript(beginning, 'The SDK: from your own code'), 3)
  })

  it('has examples whose types are right, and which read as everything else here', async () => {
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(ROOT, 'tsconfig.json'), include: ['*.ts', 'readme/*.ts'] }),
    )
    mkdirSync(join(folder, 'readme'))
    const ofReadme = readExamples(README)
    assert.equal(ofReadme.length, 1)
    for (const { name, text } of ofReadme) writeFileSync(join(folder, 'readme', name), text)
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    assert.equal(await run(`node '${tsc}' --noEmit -p . --typeRoots '${ROOT}/node_modules/@types'`), '')
    const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome')
    for (const { name, text } of [...examples, ...ofReadme])
      assert.equal(await formatted(biome, name, text), text, name)
  })

  it('guards a route of Fastify with what it shows', async () => {
    const [start, ...asked] = readTranscript(GUIDE, 'Guard a route')
    assert.equal(start?.command, 'CREDENCE_KEY_FILE=verify.key node fastify.ts &')
    await startApp('fastify.ts')
    await showsTheSame(asked, 2)
  })

  it('calls it with a key in a file', async () => {
    await showsTheSame(readTranscript(GUIDE, 'Call an API with a key'), 1)
  })

  it('guards the same on every other server, and nothing passes without a key', async () => {
    for (const name of SERVERS.slice(1)) {
      await startApp(name)
      await showsTheSame(readTranscript(GUIDE, 'Guard a route').slice(1), 2)
    }
  })

  it('guards a worker and a Next.js route, which take a Request', async () => {
    const ask = (call: string) =>
      run(
        `node --input-type=module -e '
        import { readFileSync } from "node:fs"
        import worker from "./worker.ts"
        import { GET } from "./route.ts"
        const read = (path) => readFileSync(path, "utf8").trim()
        const env = { CREDENCE_URL: process.env.CREDENCE_URL, CREDENCE_KEY: read("verify.key") }
        const headers = { authorization: "Bearer " + read("caller.key") }
        const request = (init) => new Request("https://orders.example/orders/7", init)
        const response = await ${call}
        console.log(response.status, await response.text())
      '`,
        { CREDENCE_KEY_FILE: 'verify.key' },
      )
    assert.equal(await ask('worker.fetch(request({ headers }), env)'), '200 hello cus_42\n\n')
    assert.match(await ask('worker.fetch(request(), env)'), /^401 .*"code":"MISSING"/)
    const context = '{ params: Promise.resolve({ id: "7" }) }'
    assert.equal(
      await ask(`GET(request({ headers }), ${context})`),
      '200 {"order":"7","customer":"cus_42"}\n',
    )
    assert.match(await ask(`GET(request(), ${context})`), /^401 /)
  })

  it('administers from code with what it shows', async () => {
    await showsTheSame(readTranscript(GUIDE, 'Administer from code'), 2)
  })

  it('makes the guards that stand behind a proxy or a platform', async () => {
    const printed = await run(
      `node --input-type=module -e 'for (const name of ["proxy", "platform"]) console.log(Object.keys((await import("./behind-a-" + name + ".ts")).guard).includes("caller"))'`,
      { CREDENCE_KEY_FILE: 'verify.key' },
    )
    assert.equal(printed, 'true\ntrue\n')
  })

  it('has no example that is not run here', () => {
    const known = [
      ...SERVERS,
      'worker.ts',
      'route.ts',
      'behind-a-proxy.ts',
      'behind-a-platform.ts',
      'portal.ts',
      'caller.ts',
    ]
    assert.deepEqual(examples.map(({ name }) => name).sort(), known.sort())
  })

  it('shows in the README of the repository what stands in that of the package', () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
    const shown = /^```ts\n([\s\S]*?)^```$/m.exec(readme)?.[1] ?? 'no example'
    assert.ok(README.includes(shown), shown)
  })

  it('uses no admin key', () => {
    for (const { text } of examples) assert.doesNotMatch(text, /admin/i)
  })
})

async function formatted(biome: string, name: Example['name'], text: string): Promise<string> {
  const child = spawn(process.execPath, [biome, 'format', `--stdin-file-path=${name}`], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(text)
  let printed = ''
  for await (const chunk of child.stdout) printed += chunk
  return printed
}
