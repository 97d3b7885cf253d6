import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import { type BuiltPackage, buildPackages } from '../../scripts/build-packages.ts'
import { readExamples } from '../e2e/examples.ts'
import { freePort } from '../e2e/ports.ts'
import { temporaryFolder } from '../running-server.ts'
import { install, installationIn, oldestNode, type Running } from './installation.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const README = readFileSync(join(ROOT, 'packages/sdk/README.md'), 'utf8')

const folder = temporaryFolder()
after(() => rmSync(folder, { recursive: true, force: true }))

const packages: BuiltPackage[] = buildPackages(join(folder, 'dist'))
const oldest = await oldestNode(join(folder, 'node-24'))
const here = installationIn(join(folder, 'here'), dirname(process.execPath))
// Fastify is the example's own, and the types of Node are those of whoever compiles against the packages.
const fastify = JSON.parse(readFileSync(join(ROOT, 'packages/sdk/package.json'), 'utf8')).devDependencies
  .fastify
const installing = await install(here, [
  ...packages.map(({ tarball }) => tarball),
  `fastify@${fastify}`,
  '@types/node@26',
])

describe('the packages', () => {
  it('are those of the repository, one tarball each', () => {
    const names = packages.map(({ name }) => name).sort()
    assert.deepEqual(names, ['@credence/core', '@credence/sdk', '@credence/server', 'credence'])
  })

  it('install into an empty folder, each once and nothing missing', async () => {
    assert.equal(installing.code, 0, installing.stderr)
    const listed = await here.run('npm', ['ls', '--all', '--json'])
    assert.equal(listed.code, 0, listed.stderr)
    const copies = await here.run('find', ['node_modules', '-type', 'd', '-path', '*@credence/core'])
    assert.equal(copies.stdout.trim(), 'node_modules/@credence/core')
  })

  it('have types that a program compiles against, and the part without Node needs none of Node’s', async () => {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    const options = { noEmit: true, strict: true, module: 'nodenext', target: 'es2024', skipLibCheck: false }
    const [example] = readExamples(README)
    writeFileSync(join(here.folder, 'on-node.ts'), example!.text)
    writeFileSync(
      join(here.folder, 'elsewhere.ts'),
      `import { type Caller, createGuard } from '@credence/sdk/fetch'
       const guard = createGuard({ api: 'orders', url: 'https://credence.example', key: 'k' })
       const idOf = ({ principal }: Caller): string | null => principal.external_id
       export const handler = guard.fetch('orders:read', (_: Request, caller) => new Response(idOf(caller)))`,
    )
    writeFileSync(
      join(here.folder, 'wrong.ts'),
      `import { createClient } from '@credence/sdk'
       export const wrong = createClient().credentials.issue({ kind: 'api_key', principle: 'billing' })`,
    )
    const compile = async (name: string, more: object) => {
      const config = { compilerOptions: { ...options, ...more }, files: [`${name}.ts`] }
      writeFileSync(join(here.folder, `${name}.json`), JSON.stringify(config))
      return (await here.run('node', [tsc, '-p', `${name}.json`])).stdout
    }
    assert.equal(await compile('elsewhere', { types: [], lib: ['es2024', 'dom', 'dom.iterable'] }), '')
    // Fastify's own declarations do not pass without it.
    const onNode = { types: ['node'], lib: ['es2024'], skipLibCheck: true }
    assert.equal(await compile('on-node', onNode), '')
    assert.match(await compile('wrong', onNode), /'principle' does not exist/)
  })
})

const nodes = [
  { name: 'the pinned Node', bin: dirname(process.execPath) },
  ...(oldest === null ? [] : [{ name: 'Node 24', bin: oldest }]),
]
for (const { name, bin } of nodes) {
  describe(`installed, on ${name}`, () => {
    const user = installationIn(here.folder, bin)
    const data = join(folder, `data-${nodes.findIndex((node) => node.bin === bin)}`)
    const running: Running[] = []
    after(async () => {
      for (const one of running) await one.stop()
    })

    it('npx credence starts the server, and administers it', async () => {
      const version = await user.run('node', ['--version'])
      if (name === 'Node 24') assert.match(version.stdout, /^v24\./)
      const { version: release } = JSON.parse(readFileSync(join(ROOT, 'packages/cli/package.json'), 'utf8'))
      const printed = await user.run('npx', ['credence', '--version'])
      assert.deepEqual([printed.stdout.trim(), printed.code], [release, 0], printed.stderr)

      const server = user.start('npx', ['credence', 'start'], {
        ...{ CREDENCE_DATA: data, CREDENCE_LISTEN: '127.0.0.1:0', CREDENCE_GATEWAY_LISTEN: '127.0.0.1:0' },
      })
      running.push(server)
      const [, url] = await server.printed(/^ {2}api +(http:\S+)/m)
      const env = { CREDENCE_DATA: data, CREDENCE_URL: url! }
      const credence = async (...args: string[]) => {
        const ran = await user.run('npx', ['credence', ...args], env)
        assert.equal(ran.code, 0, ran.stderr)
        return ran.stdout.trim()
      }
      await credence(
        'apis',
        'create',
        'orders',
        '--audience',
        'https://orders.example',
        '--scope',
        'orders:read',
      )
      const verifyKey = await credence(
        ...['keys', 'create', '--api', 'credence', '--scopes', 'credentials:verify:orders'],
        ...['--principal', 'orders-backend'],
      )
      const key = await credence(
        ...['keys', 'create', '--api', 'orders', '--scopes', 'orders:read'],
        ...['--principal', 'billing', '--external-id', 'cus_42'],
      )
      // The reference is served out of files of a package of its own.
      assert.match(await (await fetch(`${url}/docs`)).text(), /swagger/i)

      const port = await freePort()
      const [example] = readExamples(README)
      assert.equal(example?.name, 'fastify.ts')
      const app = `${example.text.replace('3000', String(port))}console.log('listens')\n`
      writeFileSync(join(user.folder, 'app.ts'), app)
      writeFileSync(join(user.folder, 'verify.key'), `${verifyKey}\n`)
      const guarded = user.start('node', ['app.ts'], { CREDENCE_URL: url!, CREDENCE_KEY_FILE: 'verify.key' })
      running.push(guarded)
      await guarded.printed(/^listens$/m)

      const ask = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${port}/orders/7`, { headers })
      const passed = await ask({ authorization: `Bearer ${key}` })
      assert.deepEqual([passed.status, await passed.text()], [200, 'hello cus_42\n'])
      const refused = await ask({})
      assert.equal(refused.status, 401)
      assert.equal(refused.headers.get('www-authenticate'), 'Bearer realm="orders"')

      await server.stop()
      assert.match(server.output(), /ready in/)
      assert.equal((await ask({ authorization: `Bearer ${key}` })).status, 503)
    })
  })
}
