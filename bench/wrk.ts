import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The core of the load generator; what it loads runs on SERVER_CORE. */
const LOAD_CORE = 1
const SERVER_CORE = 0
const CONNECTIONS = 32
/** Above this share of its core the load generator is what is measured. */
const FULL = 0.97
const CLOCK_TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

export interface Load {
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** Whether the load generator's own core was full, so that the server could do more. */
  readonly isFull: boolean
}

/** Writes the requests that wrk draws from. @returns the file's path */
export function writeRequests(folder: string, name: string, lines: readonly string[]): string {
  const path = join(folder, name)
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 })
  return path
}

/** 32 connections for so long. @throws Error when anything but 2xx and 3xx was answered */
export async function wrk(url: string, requests: string, seconds: number): Promise<Load> {
  const script = join(import.meta.dirname, 'wrk.lua')
  const seed = String(Math.floor(Math.random() * 1e9))
  const args = ['-c', String(LOAD_CORE), 'wrk', '-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script]
  const child = spawn('taskset', [...args, url, '--', requests, seed], { stdio: ['ignore', 'pipe', 'pipe'] })
  const startMs = performance.now()
  let busy = 0
  const watching = setInterval(() => {
    busy = cpuSeconds(child.pid!) / ((performance.now() - startMs) / 1000)
  }, 100)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  }).finally(() => clearInterval(watching))
  const told = /^\{"requests".*\}$/m.exec(output.stderr)?.[0]
  if (code !== 0 || told === undefined)
    throw new Error(`wrk ended with ${code}: ${output.stdout}${output.stderr}`)
  const { requests: count, microseconds, failed, p50, p99 } = JSON.parse(told) as Record<string, number>
  if (failed! > 0) throw new Error(`${failed} of ${count} requests to ${url} failed:\n${output.stdout}`)
  const perSecond = (count! * 1e6) / microseconds!
  return { perSecond, p50Ms: p50! / 1000, p99Ms: p99! / 1000, isFull: busy > FULL }
}

/** Keeps a process, with all its threads, on the core of the servers. */
export function pinServer(pid: number): void {
  pin(pid, SERVER_CORE)
}

/** Keeps what only answers beside the load generator's core: an upstream. */
export function pinBesideLoad(pid: number): void {
  pin(pid, LOAD_CORE)
}

function pin(pid: number, core: number): void {
  execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' })
}

/** User and system time of a process so far. */
function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS
  } catch {
    return 0
  }
}
