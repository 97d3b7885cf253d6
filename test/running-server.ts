import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const COMMAND = join(ROOT, 'packages/cli/src/main.js')
/** Much more than a start takes on a loaded machine. */
const START_TIMEOUT_MS = 30_000

/** Much more than a line of the log takes. */
const PRINT_TIMEOUT_MS = 20_000

type Environment = Readonly<Record<string, string>>

/** How a command ended, and all it wrote. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A server in a process of its own. */
export interface RunningServer {
  /** Base URL of the listener `api`, as the banner shows it. */
  readonly api: string
  /** Base URL of the listener `gateway`; `''` where there is none. */
  readonly gateway: string
  /** Base URLs of all listeners by name: api, gateway, admin, ops. */
  readonly urls: ReadonlyMap<string, string>
  readonly dataPath: string
  /** `''` where the data folder holds none, because the owner brought one. */
  readonly adminKey: string
  readonly child: ChildProcess
  /** Everything written until now. */
  readonly output: () => { readonly stdout: string; readonly stderr: string }
  /** Runs the command line against this server, with the admin key of its data folder. */
  readonly credence: (args: readonly string[], input?: string, env?: Environment) => Promise<Outcome>
  /** A request to administration with the admin key, unless the headers hold an authorization; a body goes as JSON. */
  readonly request: <T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Environment,
  ) => Promise<Answer<T>>
  /** Waits until something matching has been written to either stream; fails when the server ends before. */
  readonly printed: (pattern: RegExp) => Promise<void>
  /** SIGTERM, then waits for the end. Removes the data folder when startServer made it. */
  readonly stop: () => Promise<Outcome>
  /** SIGKILL, then waits for the end. The data folder stays. */
  readonly kill: () => Promise<Outcome>
}

export interface Answer<T> {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Parsed JSON; undefined where the body is none. */
  readonly body: T
}

export interface StartOptions {
  /** Settings besides the data folder and the listeners, which are on free ports of 127.0.0.1 unless given here. */
  readonly env?: Environment
  /** An existing data folder, which then is the caller's to remove; absent: a fresh one. */
  readonly dataPath?: string
}

/** A folder for one test; the caller removes it. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'credence-test-'))
}

/** Memory that a process holds in RAM (RSS), in MiB. */
export function residentMib({ pid }: Pick<ChildProcess, 'pid'>): number {
  const kib = existsSync('/proc/self/status')
    ? /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    : execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })
  return Number(kib) / 1024
}

/** Starts a server and waits for its banner. @throws Error with what it wrote when it ends before */
export async function startServer(options: StartOptions = {}): Promise<RunningServer> {
  const dataPath = options.dataPath ?? temporaryFolder()
  const removeData = () => {
    if (options.dataPath === undefined) rmSync(dataPath, { recursive: true, force: true })
  }
  const spawned = spawnCredence(['start'], serverEnvironment({ ...options, dataPath }))
  const { child, output, ended } = spawned
  try {
    await bannerOf(spawned)
  } catch (error) {
    child.kill('SIGKILL')
    await ended
    removeData()
    throw error
  }
  const urls = addressesIn(output().stdout)
  const api = urls.get('api') ?? ''
  const administration = urls.get('admin') ?? api
  const adminKey = adminKeyIn(dataPath)
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    // A second SIGTERM means that nobody wants to wait for the first.
    if (signal === 'SIGKILL' || !child.killed) child.kill(signal)
    const code = await ended
    if (signal === 'SIGTERM') removeData()
    return { code, ...output() }
  }
  return {
    api,
    gateway: urls.get('gateway') ?? '',
    urls,
    dataPath,
    adminKey,
    child,
    output,
    credence: (args, input, env = {}) =>
      runCommand(args, { CREDENCE_DATA: dataPath, CREDENCE_URL: administration, ...env }, input),
    request: (method, path, body, headers = {}) =>
      request(administration + path, method, body, { authorization: `Bearer ${adminKey}`, ...headers }),
    printed: (pattern) => printed(spawned, pattern, PRINT_TIMEOUT_MS),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

/** Starts a server that is expected to refuse: waits for its end. A server that does start is killed: code null. */
export async function startRefused(options: StartOptions & { readonly dataPath: string }): Promise<Outcome> {
  const spawned = spawnCredence(['start'], serverEnvironment(options))
  const { child, output, ended } = spawned
  await Promise.race([ended, bannerOf(spawned).catch(() => {})])
  child.kill('SIGKILL')
  return { code: await ended, ...output() }
}

/** Runs one command to its end, with nothing of this process's own settings. */
export async function runCommand(args: readonly string[], env: Environment, input = ''): Promise<Outcome> {
  const { child, output, ended } = spawnCredence(args, env)
  // A command that ends without reading its input breaks the pipe; its outcome says what happened.
  child.stdin!.on('error', () => {})
  child.stdin!.end(input)
  return { code: await ended, ...output() }
}

interface Spawned {
  readonly child: ChildProcess
  readonly output: () => { readonly stdout: string; readonly stderr: string }
  /** Resolves with the exit code when all output has been read; null after a signal. */
  readonly ended: Promise<number | null>
}

function spawnCredence(args: readonly string[], env: Environment): Spawned {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    cwd: ROOT,
    env: { ...inheritedEnvironment(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve(code))
  })
  // Whatever ends the test run ends the server with it.
  const killWithParent = () => child.kill('SIGKILL')
  process.once('exit', killWithParent)
  ended.finally(() => process.off('exit', killWithParent)).catch(() => {})
  return { child, output: () => ({ ...output }), ended }
}

/** What concerns the run of the tests alone. */
const OF_THE_RUN = ['NODE_TEST_CONTEXT', 'NODE_COMPILE_CACHE']

/** Settings of whoever runs the tests must not reach the server under test. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !name.startsWith('CREDENCE_') && !OF_THE_RUN.includes(name),
    ),
  )
  // The profiles of whoever runs the tests as little.
  return { ...inherited, XDG_CONFIG_HOME: join(tmpdir(), 'credence-test-no-profiles') }
}

function serverEnvironment({
  env = {},
  dataPath,
}: StartOptions & { readonly dataPath: string }): Environment {
  return {
    CREDENCE_LISTEN: '127.0.0.1:0',
    CREDENCE_GATEWAY_LISTEN: '127.0.0.1:0',
    CREDENCE_LOG: 'json',
    ...env,
    CREDENCE_DATA: dataPath,
  }
}

/** The banner is written in one piece, once every listener answers. */
function bannerOf(spawned: Spawned): Promise<void> {
  return printed(spawned, /^credence \S+ ready in [\s\S]*\n/m, START_TIMEOUT_MS)
}

async function printed({ child, output, ended }: Spawned, pattern: RegExp, timeoutMs: number): Promise<void> {
  const found = Promise.withResolvers<void>()
  const written = () => `${output().stdout}${output().stderr}`
  const look = () => {
    if (pattern.test(written())) found.resolve()
  }
  const problem = (what: string) => new Error(`${what} before it wrote ${pattern}:\n${written()}`)
  const late = setTimeout(() => found.reject(problem(`${timeoutMs} ms passed`)), timeoutMs)
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', look)
  ended.then((code) => found.reject(problem(`the server ended with ${code}`)), found.reject)
  look()
  try {
    await found.promise
  } finally {
    clearTimeout(late)
    for (const stream of [child.stdout!, child.stderr!]) stream.off('data', look)
  }
}

/** One HTTP request; an object goes as JSON, a text as it is, said to be JSON. */
export async function request<T>(
  url: string,
  method: string,
  body?: unknown,
  headers: Environment = {},
): Promise<Answer<T>> {
  const init: RequestInit = { method, headers }
  if (body !== undefined) {
    init.headers = { 'content-type': 'application/json', ...headers }
    init.body = typeof body === 'string' ? body : JSON.stringify(body)
  }
  const response = await fetch(url, init)
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') === true
  // Tests know what they asked for; a wrong guess fails in their assertions.
  const parsed = (isJson ? JSON.parse(text) : undefined) as T
  return { status: response.status, headers: response.headers, text, body: parsed }
}

function addressesIn(banner: string): Map<string, string> {
  return new Map(
    [...banner.matchAll(/^ {2}(\w+) +(https?:\/\/\S+)/gm)].map((match) => [match[1]!, match[2]!]),
  )
}

function adminKeyIn(dataPath: string): string {
  try {
    return readFileSync(join(dataPath, 'admin.key'), 'utf8').trim()
  } catch {
    return ''
  }
}
