import { randomUUID } from 'node:crypto'
import process from 'node:process'
import type { SecretSource, Terminal, TextSink } from './terminal.ts'

const STDIN_MAX_BYTES = 64 * 1024

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const interruption = new AbortController()
  return {
    env: process.env,
    stdout: sinkOf(process.stdout),
    stderr: sinkOf(process.stderr),
    stdin: stdinSource(),
    clock: Date.now,
    fetch: (...args) => globalThis.fetch(...args),
    randomId: randomUUID,
    sleep: (ms) => sleepUntilInterrupted(ms, interruption),
    interrupted: () => interruption.signal.aborted,
    loadServer: () => import('@credence/server'),
  }
}

function sinkOf(stream: NodeJS.WriteStream): TextSink {
  // `credence … | head` closes the pipe early; that is no fault.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 70)
  })
  return {
    get isTty() {
      return stream.isTTY === true
    },
    get columns() {
      // A terminal whose size nobody has set, as in some containers, says 0.
      return stream.columns || 80
    },
    write: (text) => {
      stream.write(text)
    },
  }
}

function stdinSource(): SecretSource {
  return { isTty: process.stdin.isTTY === true, readAll, readHidden }
}

async function readAll(): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin) {
    length += chunk.length
    if (length > STDIN_MAX_BYTES) throw new Error('standard input is too long for a secret')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** readline echoes to its output: the prompt goes to stderr by hand, and the echo nowhere. */
async function readHidden(prompt: string): Promise<string> {
  const [{ createInterface }, { Writable }] = await Promise.all([
    import('node:readline'),
    import('node:stream'),
  ])
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  // The echo is off from here on; only then is the secret asked for.
  const reader = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  process.stderr.write(prompt)
  try {
    return await new Promise<string>((resolve) => {
      reader.once('line', resolve)
      reader.once('close', () => resolve(''))
    })
  } finally {
    reader.close()
    process.stderr.write('\n')
  }
}

/** While something waits, an interrupt ends the wait; at any other time it ends the process as usual. */
async function sleepUntilInterrupted(ms: number, interruption: AbortController): Promise<void> {
  await new Promise<void>((resolve) => {
    const finish = () => {
      clearTimeout(timer)
      process.removeListener('SIGINT', interrupt)
      resolve()
    }
    const interrupt = () => {
      interruption.abort()
      finish()
    }
    const timer = setTimeout(finish, ms)
    process.once('SIGINT', interrupt)
  })
}
