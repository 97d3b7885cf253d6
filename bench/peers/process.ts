import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { pinBesideLoad, pinServer } from '../wrk.ts'

/** A program measured beside Credence, or one that answers behind it. */
export interface Peer {
  readonly url: string
  readonly stop: () => Promise<void>
}

export interface PeerOptions {
  /** Keeps it on the load generator's core: it is the upstream of what is measured. */
  readonly besideLoad?: boolean
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a program that listens on the port it is told, and waits until it answers. */
export async function startPeer(
  command: (port: number) => readonly [string, ...string[]],
  { besideLoad = false, env = {} }: PeerOptions = {},
): Promise<Peer> {
  const port = await freePort()
  const [program, ...args] = command(port)
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  const ended = new Promise<void>((resolve) =>
    child.once('close', () => resolve()).once('error', () => resolve()),
  )
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const url = `http://127.0.0.1:${port}`
  await answers(url, child, () => complaint)
  if (besideLoad) pinBesideLoad(child.pid!)
  else pinServer(child.pid!)
  const stop = async () => {
    process.off('exit', kill)
    child.kill('SIGTERM')
    await ended
  }
  return { url, stop }
}

/** A program of this folder, with the same Node. */
export function startNodePeer(file: string, options: PeerOptions = {}): Promise<Peer> {
  return startPeer((port) => [process.execPath, `${import.meta.dirname}/${file}`, String(port)], options)
}

async function answers(url: string, child: ChildProcess, complaint: () => string): Promise<void> {
  const untilMs = performance.now() + 20_000
  while (performance.now() < untilMs) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended: ${complaint()}`)
    const answer = await fetch(url).catch(() => null)
    await answer?.arrayBuffer()
    if (answer !== null) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${child.spawnfile} does not answer: ${complaint()}`)
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}
