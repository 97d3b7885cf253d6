/**
 * Runs every benchmark, one after the other, and writes RESULTS.md. Names as arguments choose some of them, and then
 * only prints; `--credentials=N` makes the million of `scale` another number. What the peers need is installed first.
 */
import { execFileSync, fork } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { isMet, type Result, ratioText, shown } from './report.ts'

const BENCHMARKS = [
  'verify',
  'better-auth',
  'jwt',
  'forward-auth',
  'forward-auth-jwt',
  'forward-auth-while-issuing',
  'gateway',
  'issue',
  'revocation',
  'start',
  'scale',
]

const here = import.meta.dirname
const SIZE = /^--credentials=([1-9]\d*)$/
const given = process.argv.slice(2)
const size = given.flatMap((argument) => SIZE.exec(argument)?.[1] ?? [])
const chosen = given.filter((argument) => !SIZE.test(argument))
const unknown = chosen.filter((name) => !BENCHMARKS.includes(name))
if (unknown.length > 0) {
  console.error(`no benchmark is called ${unknown.join(', ')}; there are ${BENCHMARKS.join(', ')}`)
  process.exit(2)
}
const peers = join(here, 'peers')
if (!existsSync(join(peers, 'node_modules'))) {
  execFileSync('npm', ['ci', '--no-fund', '--no-audit'], { cwd: peers, stdio: 'inherit' })
}
const results: Result[] = []
for (const name of chosen.length > 0 ? chosen : BENCHMARKS) results.push(...(await run(name)))
if (chosen.length === 0) writeFileSync(join(here, 'RESULTS.md'), page(results))
const missed = results.flatMap(({ ratios }) => ratios).filter((ratio) => !isMet(ratio))
console.log(
  `${results.length} results; ${missed.length === 0 ? 'every target met' : `${missed.length} targets missed`}`,
)

function run(name: string): Promise<Result[]> {
  const told: Result[] = []
  const child = fork(join(here, `${name}.ts`), name === 'scale' ? size : [], { stdio: 'inherit' })
  child.on('message', (result) => told.push(result as Result))
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (code) => {
      if (code === 0 && told.length > 0) resolve(told)
      else reject(new Error(`${name} ended with ${code} and ${told.length} results`))
    })
  })
}

function page(all: readonly Result[]): string {
  const lines = [
    '# Results',
    '',
    'Written by `npm run bench`. Contestants take turns in one run, on one machine: compare within a table, not across.',
    'The server has one core and the load generator (wrk, 32 connections) the other. What is shown is the median of the',
    'rounds, and the lowest and the highest.',
    '',
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]!.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}; ${versions()}.`,
  ]
  for (const { what, unit, rates, ratios, notes } of all) {
    lines.push('', `## ${what}`, '', `| | ${unit} | lowest | highest |`, '|---|---:|---:|---:|')
    for (const { name, median, min, max } of rates) {
      lines.push(`| ${name} | ${shown(median)} | ${shown(min)} | ${shown(max)} |`)
    }
    if (ratios.length > 0) lines.push('')
    for (const ratio of ratios) lines.push(`- ${ratio.what}: **${ratioText(ratio)}**`)
    if (notes.length > 0) lines.push('', ...notes)
  }
  return `${lines.join('\n')}\n`
}

/** Of all that takes part. */
function versions(): string {
  const installed = (name: string, folder: string) =>
    `${name} ${(JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }).version}`
  return [
    `Node ${process.versions.node}`,
    installed('fastify', join(here, '..')),
    installed('@fastify/reply-from', peers),
    installed('better-auth', peers),
    installed('jose', join(here, '..')),
    installed('fast-jwt', peers),
    `wrk ${told('wrk', ['-v'], /wrk (\S+)/)}`,
    `nginx ${told('nginx', ['-v'], /nginx\/(\S+)/)}`,
    `Caddy ${told('caddy', ['version'], /^v?(\S+)/)}`,
    `HAProxy ${told('haproxy', ['-v'], /version (\S+)/)}`,
  ].join(', ')
}

function told(program: string, args: readonly string[], pattern: RegExp): string {
  const script = `${[program, ...args].join(' ')} 2>&1 || true`
  return pattern.exec(execFileSync('sh', ['-c', script], { encoding: 'utf8' }))?.[1] ?? 'of unknown version'
}
