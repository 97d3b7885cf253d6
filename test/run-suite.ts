import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { groupLives, killGroup } from './process-group.ts'
import type { TestLine } from './test-lines.ts'

/** A check (a program that passes or fails) or tests (globs of test files for `node --test`). */
export interface Suite {
  readonly name: string
  /** Killed and failed beyond it. */
  readonly minutes: number
  /** Part of `npm run check`. */
  readonly quick?: boolean
  /** Programs it cannot do without: on a machine without one it is NOT RUN, and under CI it fails. */
  readonly needs?: readonly string[]
  /** Node's arguments of a program that ends with 0 where the suite can run; its last line says why not. As `needs`. */
  readonly probe?: readonly string[]
  /** Node's arguments: a script and its own. */
  readonly check?: readonly string[]
  readonly tests?: readonly string[]
  /** How many test files at a time; default 2. */
  readonly parallel?: number
}

export interface SuiteResult {
  readonly name: string
  readonly ran: boolean
  readonly passed: number
  readonly failed: number
  readonly seconds: number
  /** What to print below the suite's line. */
  readonly problems: readonly string[]
}

interface RunOptions {
  /** Absolute path of the repository. */
  readonly root: string
  /** A missing service fails instead of being reported. */
  readonly ci: boolean
}

export async function runSuite(suite: Suite, options: RunOptions): Promise<SuiteResult> {
  const problem = await obstacle(suite, options)
  if (problem !== null) {
    const failed = options.ci ? 1 : 0
    return { name: suite.name, ran: false, passed: 0, failed, seconds: 0, problems: [problem] }
  }
  const start = performance.now()
  const outcome =
    suite.tests === undefined ? await runCheck(suite, options) : await runTests(suite, suite.tests, options)
  return { name: suite.name, ran: true, seconds: (performance.now() - start) / 1000, ...outcome }
}

/** Why a suite cannot run on this machine; null: it can. */
async function obstacle(suite: Suite, { root }: RunOptions): Promise<string | null> {
  const missing = (suite.needs ?? []).filter((program) => !isInstalled(program))
  if (missing.length > 0) return `needs ${missing.join(', ')}`
  if (suite.probe === undefined) return null
  const output: string[] = []
  const exit = await runNode(suite, suite.probe, root, (line) => output.push(line))
  if (exit.code === 0 && exit.problem === null) return null
  return output.at(-1) ?? exit.problem ?? `its probe ended with ${exit.code}`
}

type Outcome = Pick<SuiteResult, 'passed' | 'failed' | 'problems'>

async function runCheck(suite: Suite, { root }: RunOptions): Promise<Outcome> {
  const output: string[] = []
  const exit = await runNode(suite, suite.check ?? [], root, (line) => output.push(line))
  if (exit.problem === null && exit.code === 0) return { passed: 1, failed: 0, problems: [] }
  return { passed: 0, failed: 1, problems: [...output, exit.problem ?? `exit code ${exit.code}`] }
}

async function runTests(suite: Suite, globs: readonly string[], { root }: RunOptions): Promise<Outcome> {
  const empty = globs.filter((glob) => globSync(glob, { cwd: root }).length === 0)
  if (empty.length > 0) {
    return { passed: 0, failed: 1, problems: empty.map((glob) => `no test file matches ${glob}`) }
  }
  const tally = new Tally()
  const reporter = new URL('./test-lines.ts', import.meta.url).href
  const options = [`--test-concurrency=${suite.parallel ?? 2}`, `--test-reporter=${reporter}`]
  const exit = await runNode(suite, ['--test', ...options, ...globs], root, (line) => tally.add(line))
  if (exit.problem !== null) tally.fail(exit.problem, tally.unfinished())
  else if (exit.code !== 0 && tally.failed === 0) tally.fail(`node --test ended with ${exit.code}`, '')
  else if (tally.passed + tally.failed === 0) tally.fail('not one test ran', '')
  return tally
}

/** Counts the events of one run of `node --test`. */
class Tally {
  passed = 0
  failed = 0
  readonly problems: string[] = []
  readonly #running = new Map<string, string>()
  readonly #printed = new Map<string, string[]>()

  add(line: string): void {
    if (!line.startsWith('{"event":')) {
      this.problems.push(line)
      return
    }
    const seen = JSON.parse(line) as TestLine
    const where = `${seen.file}:${seen.line} ${seen.name}`
    if (seen.event === 'output') {
      this.#printed.set(seen.file, [...(this.#printed.get(seen.file) ?? []), seen.text].slice(-60))
    } else if (seen.event === 'begin') {
      if (!seen.wholeFile) this.#running.set(where, where)
    } else {
      this.#running.delete(where)
      this.#count(seen, where)
    }
  }

  #count(seen: TestLine, where: string): void {
    if (seen.wholeFile && seen.event === 'pass') {
      this.fail(`${seen.file} has no test`, '')
    } else if (seen.skipped || seen.todo) {
      this.fail(`${where}: ${seen.todo ? 'todo' : 'skipped'} tests are not allowed`, '')
    } else if (seen.event === 'fail' && !seen.suite) {
      this.fail(where, seen.wholeFile ? (this.#printed.get(seen.file) ?? []).join('') : seen.text)
    } else if (seen.event === 'fail' && !seen.text.includes('subtest')) {
      this.fail(where, seen.text)
    } else if (seen.event === 'pass' && !seen.suite) {
      this.passed++
    }
  }

  fail(what: string, text: string): void {
    this.failed++
    this.problems.push(`✗ ${what}`, ...text.split('\n').filter((part) => part !== ''))
  }

  /** The tests that had begun and not ended, one a line. */
  unfinished(): string {
    return [...this.#running.keys()].map((where) => `still running: ${where}`).join('\n')
  }
}

/** Runs node in a process group of its own, so that nothing a test started outlives the suite. */
async function runNode(
  suite: Suite,
  args: readonly string[],
  root: string,
  onLine: (line: string) => void,
): Promise<{ code: number | null; problem: string | null }> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: childEnvironment(root),
  })
  groups.add(child.pid!)
  createInterface(child.stdout).on('line', onLine)
  createInterface(child.stderr).on('line', onLine)
  let late = false
  const timer = setTimeout(() => {
    late = true
    killGroup(child.pid!)
  }, suite.minutes * 60_000)
  const code = await exitOf(child)
  clearTimeout(timer)
  groups.delete(child.pid!)
  if (late) return { code, problem: `over its budget of ${suite.minutes} min, killed` }
  return { code, problem: (await leftRunning(child.pid!)) ? 'left processes running' : null }
}

/**
 * The pinned node first, so that what a test starts runs under it too. Each test file is a process of its own, and many
 * start others: what they all load is compiled once.
 */
function childEnvironment(root: string): NodeJS.ProcessEnv {
  const path = [join(root, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter)
  const compiled = join(root, 'node_modules', '.cache', 'compiled')
  // A test of this file runs inside a test run, whose mark would make the inner one a part of it.
  const { NODE_TEST_CONTEXT: _, ...rest } = process.env
  return { ...rest, PATH: path, NODE_COMPILE_CACHE: compiled, FORCE_COLOR: '0' }
}

/** Resolves at 'close', when all output has been read, or soon after 'exit' if a child keeps the pipe. */
function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code))
    child.once('exit', (code) => setTimeout(() => resolve(code), 3000).unref())
  })
}

/** Whether the group still has members after a moment's grace; they are killed. */
async function leftRunning(group: number): Promise<boolean> {
  for (let tries = 0; tries < 20; tries++) {
    if (!groupLives(group)) return false
    await delay(100)
  }
  killGroup(group)
  return true
}

const groups = new Set<number>()

/** Ends whatever suites are running: for a runner that is told to stop. */
export function killAllSuites(): void {
  for (const group of groups) killGroup(group)
}

function isInstalled(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
