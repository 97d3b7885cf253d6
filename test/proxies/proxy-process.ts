import { spawn } from 'node:child_process'
import { chmodSync, chownSync, readdirSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { temporaryFolder } from '../running-server.ts'

/** A proxy in a process of its own, listening on loopback. */
export interface ProxyProcess {
  readonly port: number
  /** What it wrote until now. */
  readonly output: () => string
  readonly stop: () => Promise<void>
}

export interface ProxyProgram {
  readonly command: string
  /** @param folder where its files are */
  readonly args: (folder: string) => readonly string[]
  /** Writes the files that it reads. @param port where it is to listen, and @param ownPort where for itself alone */
  readonly prepare: (folder: string, port: number, ownPort: number) => void
}

/** nobody: what the distributions let a proxy without rights run as. */
const UNPRIVILEGED_ID = 65_534
const START_TIMEOUT_MS = 20_000
const STOP_TIMEOUT_MS = 10_000

/** Starts a proxy without privileges and waits until it listens. @throws Error with what it wrote when it ends before */
export async function startProxyProcess(program: ProxyProgram): Promise<ProxyProcess> {
  // A port that was free may be taken by the time the proxy wants it.
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOn(program)
    } catch (error) {
      if (tries === 3 || !/already in use/i.test(String(error))) throw error
    }
  }
}

async function startOn({ command, args, prepare }: ProxyProgram): Promise<ProxyProcess> {
  const [port, ownPort] = [await freePort(), await freePort()]
  const folder = temporaryFolder()
  prepare(folder, port, ownPort)
  const isRoot = process.getuid?.() === 0
  if (isRoot) giveTo(folder, UNPRIVILEGED_ID)
  const child = spawn(command, args(folder), {
    cwd: folder,
    env: {
      PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
      HOME: folder,
      XDG_DATA_HOME: folder,
      XDG_CONFIG_HOME: folder,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(isRoot && { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID }),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = new Promise<void>((resolve) =>
    child.once('error', () => resolve()).once('close', () => resolve()),
  )
  const killWithParent = () => child.kill('SIGKILL')
  process.once('exit', killWithParent)
  const stop = async () => {
    child.kill('SIGTERM')
    const late = setTimeout(killWithParent, STOP_TIMEOUT_MS)
    await ended
    clearTimeout(late)
    process.off('exit', killWithParent)
    rmSync(folder, { recursive: true, force: true })
  }
  const deadline = performance.now() + START_TIMEOUT_MS
  while (!(await answers(port))) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      await stop()
      throw new Error(`${command} did not start: ${output}`)
    }
    await delay(20)
  }
  return { port, output: () => output, stop }
}

function giveTo(folder: string, id: number): void {
  chownSync(folder, id, id)
  chmodSync(folder, 0o755)
  for (const name of readdirSync(folder)) chownSync(join(folder, name), id, id)
}

/** A port that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
