import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { validate } from 'dockerfile-utils'
import { ROOT, readFile } from './deployment-file.ts'

interface Instruction {
  readonly keyword: string
  readonly rest: string
}

/** Instructions in order, continued lines joined, comments left out. */
function instructionsOf(dockerfile: string): Instruction[] {
  const lines = dockerfile
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  return lines.map((line) => {
    const [keyword = '', ...rest] = line.trim().split(/\s+/)
    return { keyword, rest: rest.join(' ') }
  })
}

/** What must be true of an image whose process nobody should be able to make root's. */
function imageProblems(dockerfile: string): string[] {
  const problems = validate(dockerfile).map(({ message }) => String(message))
  const all = instructionsOf(dockerfile)
  const lastStage = all.slice(all.findLastIndex(({ keyword }) => keyword === 'FROM'))
  const of = (keyword: string) => lastStage.filter((each) => each.keyword === keyword).map(({ rest }) => rest)
  const user = of('USER').at(-1) ?? ''
  if (!/^[1-9]\d*:[1-9]\d*$/.test(user)) problems.push('the user is not a number, or is root')
  for (const keyword of ['ENTRYPOINT', 'CMD']) {
    if (!of(keyword).every((rest) => rest.startsWith('['))) problems.push(`${keyword} runs a shell`)
  }
  if (of('HEALTHCHECK').length !== 1) problems.push('no health check')
  if (/curl|wget/.test(of('HEALTHCHECK').join())) problems.push('the health check needs what is not there')
  if (all.some(({ keyword }) => keyword === 'ADD')) problems.push('ADD takes from anywhere')
  if (all.some(({ keyword, rest }) => keyword === 'ARG' && /key|secret|password|token/i.test(rest))) {
    problems.push('a secret would stay in a layer')
  }
  if (all.some(({ keyword, rest }) => keyword === 'COPY' && /^\.\s/.test(rest)))
    problems.push('COPY takes everything')
  return problems
}

const DOCKERFILE = readFile('deploy/Dockerfile')

test('the image runs as a number, without a shell, and checks its health by itself', () => {
  assert.deepEqual(imageProblems(DOCKERFILE), [])
  for (const [from, to] of [
    ['USER 65532:65532', 'USER root'],
    ['USER 65532:65532', 'USER credence'],
    ['CMD ["start"]', 'CMD start'],
    ['HEALTHCHECK', '# HEALTHCHECK'],
    ['COPY packages packages', 'COPY . .'],
    ['WORKDIR /opt/credence\nCOPY', 'ARG ADMIN_KEY\nCOPY'],
    ['EXPOSE 6749', 'EXPOZE 6749'],
  ] as const) {
    assert.ok(DOCKERFILE.includes(from), from)
    assert.notDeepEqual(imageProblems(DOCKERFILE.replace(from, to)), [], `${from} → ${to}`)
  }
})

test('every file that the image copies is there, and what is ignored is neither', () => {
  const ignored = readFile('deploy/Dockerfile.dockerignore').split('\n')
  for (const { keyword, rest } of instructionsOf(DOCKERFILE)) {
    if (keyword !== 'COPY' || rest.startsWith('--from')) continue
    for (const source of rest.split(' ').slice(0, -1)) {
      assert.equal(globSync(source, { cwd: ROOT }).length, 1, source)
      assert.ok(ignored.includes(`!${source}`), `${source} is not let into the build`)
    }
  }
  assert.equal(
    ignored.find((line) => !line.startsWith('#')),
    '**',
  )
})

test('the health check succeeds where health is answered, and fails where not and where nobody is', async () => {
  const text = instructionsOf(DOCKERFILE).find(({ keyword }) => keyword === 'HEALTHCHECK')!.rest
  const [program, ...args] = JSON.parse(text.slice(text.indexOf('['))) as string[]
  assert.equal(program, 'node')
  let status = 200
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/healthz' ? status : 404
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = String((server.address() as AddressInfo).port)
  const check = () =>
    promisify(execFile)(
      process.execPath,
      args.map((arg) => arg.replace('6751', port)),
    ).then(
      () => 0,
      (error: { code: number }) => error.code,
    )
  assert.equal(await check(), 0)
  status = 503
  assert.equal(await check(), 1)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  assert.equal(await check(), 1)
})

test('the commands of the image are there: what it runs answers --version', () => {
  const [, path = ''] = JSON.parse(
    instructionsOf(DOCKERFILE).find(({ keyword }) => keyword === 'ENTRYPOINT')!.rest,
  ) as string[]
  const file = path.replace('/opt/credence', ROOT)
  const { status, stdout } = spawnSync(process.execPath, [file, '--version'], { encoding: 'utf8' })
  assert.equal(status, 0)
  assert.match(stdout, /^\d+\.\d+\.\d+/)
})
