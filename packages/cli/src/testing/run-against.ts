import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCredence } from '../run.ts'
import type { Terminal } from '../terminal.ts'
import { type FakeRoutes, type SeenRequest, startFakeServer } from './fake-server.ts'

/** The key that every run presents, unless its environment says otherwise. */
export const TEST_KEY = 'crd_live_AdminAdminAd0123456789abcdefghijABCDEFGHIJ0123456789'
export const NOW_MS = Date.UTC(2026, 10, 24, 12, 0, 0)

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** Whether the two output streams are a terminal. */
  readonly tty?: boolean
  readonly columns?: number
  readonly terminal?: Partial<Terminal>
}

export interface RunResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly requests: readonly SeenRequest[]
}

/** Runs one command line against a server that answers as told, in a home folder of its own. */
export async function runAgainst(
  routes: FakeRoutes,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const server = await startFakeServer(routes)
  const home = await mkdtemp(join(tmpdir(), 'credence-cli-'))
  try {
    const env = {
      HOME: home,
      CREDENCE_DATA: home,
      CREDENCE_URL: server.url,
      CREDENCE_KEY: TEST_KEY,
      ...options.env,
    }
    const { terminal, output } = recordingTerminal({ ...options, env })
    const exitCode = await runCredence(args, terminal)
    return { exitCode, ...output(), requests: server.requests }
  } finally {
    await server.stop()
    await rm(home, { recursive: true, force: true })
  }
}

/** A terminal that keeps what is written to it. */
export function recordingTerminal(options: RunOptions = {}): {
  terminal: Terminal
  output: () => { stdout: string; stderr: string }
} {
  const written = { stdout: '', stderr: '' }
  const sink = (name: 'stdout' | 'stderr') => ({
    isTty: options.tty ?? false,
    columns: options.columns ?? 120,
    write: (text: string) => {
      written[name] += text
    },
  })
  const terminal: Terminal = {
    env: options.env ?? {},
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    stdin: {
      isTty: false,
      readAll: async () => options.stdin ?? '',
      readHidden: async () => options.stdin ?? '',
    },
    clock: () => NOW_MS,
    fetch: globalThis.fetch,
    randomId: () => 'random-id',
    sleep: async () => {},
    interrupted: () => false,
    loadServer: () => Promise.reject(new Error('this command must not load the server')),
    ...options.terminal,
  }
  return { terminal, output: () => ({ ...written }) }
}

/** The text without colours. */
export function plain(text: string): string {
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g'), '')
}
