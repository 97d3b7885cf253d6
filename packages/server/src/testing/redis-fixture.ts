import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { closedAfter } from './closed-after.ts'

const START_DEADLINE_MS = 10_000

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Ends it as a power cut would; it must be started again. */
  readonly kill: () => Promise<void>
  /** Kills it, and starts it anew on the same port, with nothing but what it wrote to its folder. */
  readonly restart: () => Promise<void>
  /** Stops it in its tracks: connections stay open, and nothing is answered. */
  readonly pause: () => void
  readonly resume: () => void
  /** Sends one command in a line of its own and answers with what came back first. */
  readonly command: (line: string) => Promise<string>
  readonly close: () => Promise<void>
}

/**
 * A real redis-server on a free port, that keeps nothing unless `args` say so; closed at the end of the test that
 * is running. A program that is missing fails the test: the suite `valkey` is not run on a machine without it.
 */
export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'credence-redis-'))
  const port = await freePort()
  const all = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
    ...['--save', '', '--appendonly', 'no', ...args],
  ]
  let child = await started(all, port)
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill,
    restart: async () => {
      await kill()
      child = await started(all, port)
    },
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    command: (line) => ask(port, line),
    close: closedAfter(async () => {
      await kill()
      await rm(folder, { recursive: true, force: true })
    }),
  }
}

async function started(args: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn('redis-server', args, { stdio: 'ignore' })
  let problem: Error | null = null
  child.once('error', (error) => {
    problem = error
  })
  child.once('exit', (code) => {
    problem ??= new Error(`redis-server ended with ${code}`)
  })
  const deadlineMs = Date.now() + START_DEADLINE_MS
  while (Date.now() < deadlineMs) {
    if (problem !== null) throw problem
    // One with a password answers too: that it wants it.
    if (/^\+PONG|^-NOAUTH/.test(await ask(port, 'PING').catch(() => ''))) return child
    await delay(20)
  }
  child.kill('SIGKILL')
  throw new Error('redis-server did not answer in time')
}

function ask(port: number, line: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect(port, '127.0.0.1', () => socket.write(`${line}\r\n`))
  socket.once('data', (data) => {
    resolve(data.toString('utf8'))
    socket.destroy()
  })
  socket.once('error', reject)
  socket.once('close', () => reject(new Error('closed without an answer')))
  return promise
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
