/**
 * The one test command. `npm test` runs every suite, `npm run check` (--quick) the ones that finish within
 * a minute and a half, `npm test -- unit types` the ones named.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { killAllSuites, runSuite, type Suite, type SuiteResult } from './run-suite.ts'

const BIOME = 'node_modules/@biomejs/biome/bin/biome'
const TSC = 'node_modules/typescript/bin/tsc'
/** Tests that need a server beside them, or take their time, are suites of their own. */
const UNIT = [
  'packages/*/src/**/!(*.slow|*.valkey|*.postgres).test.ts',
  'scripts/**/*.test.ts',
  'test/*.test.ts',
]

/** Against a real PostgreSQL, which npm brought. */
const POSTGRES = ['packages/*/src/**/*.postgres.test.ts', 'test/postgres/*.test.ts']
const POSTGRES_PROBE = ['packages/server/src/testing/postgres-probe.ts']

const SUITES: readonly Suite[] = [
  { name: 'lint and format', minutes: 1, quick: true, check: [BIOME, 'ci', '.'] },
  { name: 'types', minutes: 2, quick: true, check: [TSC, '--noEmit', '-p', '.'] },
  { name: 'import direction', minutes: 1, quick: true, check: ['scripts/check-imports.ts'] },
  { name: 'error table', minutes: 1, quick: true, check: ['scripts/check-error-table.ts'] },
  { name: 'docs', minutes: 1, quick: true, check: ['scripts/check-docs.ts'] },
  { name: 'unit', minutes: 5, quick: true, tests: UNIT },
  { name: 'slow', minutes: 3, tests: ['packages/*/src/**/*.slow.test.ts'] },
  {
    name: 'valkey',
    minutes: 2,
    needs: ['redis-server', 'openssl'],
    tests: ['packages/*/src/**/*.valkey.test.ts'],
  },
  { name: 'postgres', minutes: 6, probe: POSTGRES_PROBE, tests: POSTGRES },
  { name: 'e2e', minutes: 4, needs: ['bash', 'curl', 'openssl', 'script'], tests: ['test/e2e/*.test.ts'] },
  { name: 'durability', minutes: 5, tests: ['test/durability/*.test.ts'] },
  // One file at a time: several nodes of several workers at once would only wait for each other.
  { name: 'workers', minutes: 5, needs: ['openssl'], parallel: 1, tests: ['test/workers/*.test.ts'] },
  // One file at a time: the times it compares must not be those of its neighbours.
  { name: 'conformance', minutes: 5, parallel: 1, tests: ['test/conformance/*.test.ts'] },
  // One file at a time: the times it compares must not be those of its neighbours.
  {
    name: 'cluster',
    minutes: 5,
    needs: ['redis-server'],
    probe: POSTGRES_PROBE,
    parallel: 1,
    tests: ['test/cluster/*.test.ts'],
  },
  { name: 'fuzz', minutes: 3, tests: ['test/fuzz/*.test.ts'] },
  { name: 'deployment', minutes: 2, needs: ['systemd-analyze'], tests: ['test/deployment/*.test.ts'] },
  {
    name: 'proxies',
    minutes: 6,
    needs: ['nginx', 'caddy', 'haproxy', 'openssl'],
    tests: ['test/proxies/*.test.ts'],
  },
  // Builds and installs them from the registry, and once a Node that is older.
  { name: 'packages', minutes: 6, needs: ['find', 'npm', 'npx'], tests: ['test/packages/*.test.ts'] },
]

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const options = { root: resolve(import.meta.dirname, '..'), ci: process.env.CI === 'true' }

const unknown = positionals.filter((name) => !SUITES.some((suite) => suite.name === name))
if (unknown.length > 0) {
  console.error(`no suite ${unknown.join(', ')}; there are: ${SUITES.map((suite) => suite.name).join(', ')}`)
  process.exit(2)
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killAllSuites()
    process.exit(130)
  })
}

const chosen = SUITES.filter(
  (suite) =>
    (!values.quick || suite.quick === true) && (positionals.length === 0 || positionals.includes(suite.name)),
)
const results: SuiteResult[] = []
const run = async (suite: Suite) => {
  const result = await runSuite(suite, options)
  results.push(result)
  report(result)
}

// Checks are two at a time, as small machines have two cores; suites of tests share those cores themselves.
const checks = chosen.filter((suite) => suite.tests === undefined)
const worker = async () => {
  for (let suite = checks.shift(); suite !== undefined; suite = checks.shift()) await run(suite)
}
await Promise.all([worker(), worker()])
for (const suite of chosen.filter((suite) => suite.tests !== undefined)) await run(suite)

const passed = results.reduce((sum, result) => sum + result.passed, 0)
const failed = results.reduce((sum, result) => sum + result.failed, 0)
for (const { name, problems } of results.filter((result) => !result.ran)) {
  console.log(`\nNOT RUN: ${name} (${problems.join('; ')})`)
}
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1

function report({ name, ran, passed, failed, seconds, problems }: SuiteResult): void {
  const state = ran ? (failed > 0 ? 'FAILED' : 'ok') : 'NOT RUN'
  console.log(
    `${name.padEnd(18)} ${state.padEnd(8)} ${`${passed} passed, ${failed} failed`.padEnd(24)} ${seconds.toFixed(1)} s`,
  )
  for (const problem of problems) console.log(`    ${problem}`)
}
