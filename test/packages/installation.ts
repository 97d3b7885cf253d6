import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
/** What npm and the test runner say of this repository to what they start in it. Registry and certificates stay. */
const OF_THE_REPOSITORY = /^(?:CREDENCE_|NODE_TEST|NODE_OPTIONS$|npm_)/
/** Much more than a start takes on a loaded machine. */
const PRINT_TIMEOUT_MS = 60_000

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A program that goes on until it is stopped, with all that it started. */
export interface Running {
  readonly output: () => string
  /** Waits until something matching was written. @throws Error with what was written, when it ends before */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  stop(): Promise<void>
}

/** A folder of somebody who has the packages installed and nothing of this repository. */
export interface Installation {
  readonly folder: string
  /** Runs a program to its end, with the Node under test first on the PATH. */
  run(program: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>
  start(program: string, args: readonly string[], env?: Readonly<Record<string, string>>): Running
}

/** @param node folder of the Node under test */
export function installationIn(folder: string, node: string): Installation {
  const environment = (more: Readonly<Record<string, string>> = {}) => {
    const inherited = Object.entries(process.env).filter(([name]) => !OF_THE_REPOSITORY.test(name))
    const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => !entry.startsWith(ROOT))
    return {
      ...Object.fromEntries(inherited),
      ...{
        PATH: [node, ...path].join(delimiter),
        XDG_CONFIG_HOME: folder,
        XDG_CACHE_HOME: join(folder, 'cache'),
      },
      ...more,
    }
  }
  return {
    folder,
    async run(program, args, env) {
      const child = spawn(program, args, {
        cwd: folder,
        env: environment(env),
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const [stdout, stderr, code] = await Promise.all([
        textOf(child.stdout),
        textOf(child.stderr),
        exitOf(child),
      ])
      return { code, stdout, stderr }
    },
    start(program, args, env) {
      // A group of its own: npx stands between us and what it runs.
      const child = spawn(program, args, {
        ...{ cwd: folder, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'], detached: true },
      })
      return runningOf(child)
    },
  }
}

function runningOf(child: ChildProcess): Running {
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = exitOf(child)
  const kill = (signal: NodeJS.Signals) => {
    try {
      process.kill(-child.pid!, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  const killWithParent = () => kill('SIGKILL')
  process.once('exit', killWithParent)
  return {
    output: () => output,
    async printed(pattern) {
      const found = Promise.withResolvers<RegExpExecArray>()
      const fail = (what: string) => found.reject(new Error(`${what} before it wrote ${pattern}:\n${output}`))
      const look = () => {
        const match = pattern.exec(output)
        if (match !== null) found.resolve(match)
      }
      const late = setTimeout(() => fail(`${PRINT_TIMEOUT_MS} ms passed`), PRINT_TIMEOUT_MS)
      for (const stream of [child.stdout!, child.stderr!]) stream.on('data', look)
      ended.then((code) => fail(`it ended with ${code}`), found.reject)
      look()
      return found.promise.finally(() => clearTimeout(late))
    },
    async stop() {
      kill('SIGTERM')
      await ended
      // Whatever the wrapper left behind.
      kill('SIGKILL')
      process.off('exit', killWithParent)
    },
  }
}

/** Installs packages into a folder that has nothing but a package.json. */
export async function install(installation: Installation, packages: readonly string[]): Promise<Ran> {
  mkdirSync(installation.folder, { recursive: true })
  writeFileSync(join(installation.folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  return installation.run('npm', ['install', '--no-audit', '--no-fund', ...packages])
}

/** Folder of the oldest Node that is promised, installed by its lock file; null: there is none for this platform. */
export async function oldestNode(folder: string): Promise<string | null> {
  const name = `node-${process.platform}-${process.arch}`
  const pinned = join(import.meta.dirname, 'node-24')
  const { optionalDependencies } = JSON.parse(readFileSync(join(pinned, 'package.json'), 'utf8'))
  if (!Object.hasOwn(optionalDependencies, name)) return null
  cpSync(pinned, folder, { recursive: true })
  const ran = await installationIn(folder, dirname(process.execPath)).run('npm', [
    'ci',
    '--no-audit',
    '--no-fund',
  ])
  if (ran.code !== 0) throw new Error(ran.stderr)
  return join(folder, 'node_modules', name, 'bin')
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
}
