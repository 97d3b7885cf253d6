import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'

/** A process that was busy and now has nothing to do; V8 writes what it thinks of that. */
const IDLE_AFTER_WORK = `
  import { setFlagsFromString } from 'node:v8'
  import { runInNewContext } from 'node:vm'
  import { keepCompiled } from ${JSON.stringify(new URL('heap.ts', import.meta.url).href)}
  if (process.argv[1] === 'keep') keepCompiled()
  setFlagsFromString('--expose-gc')
  globalThis.made = Array.from({ length: 300_000 }, (_, i) => ({ i }))
  runInNewContext('gc')()
  setTimeout(() => {}, 4000)
`
const SOON = ['--memory-reducer-delay-ms=50', '--gc-memory-reducer-start-delay-ms=50']

async function collectsWhileIdle(mode: 'keep' | 'default'): Promise<boolean> {
  const args = ['--trace-memory-reducer', ...SOON, '--input-type=module', '--eval', IDLE_AFTER_WORK, mode]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  assert.match(stdout, /Memory reducer: /)
  return /Memory reducer: started GC/.test(stdout)
}

describe('a process that has become idle', { concurrency: true }, () => {
  it('is collected by V8, which forgets what it compiled', async () => {
    assert.equal(await collectsWhileIdle('default'), true)
  })

  it('is not when it keeps what is compiled', async () => {
    assert.equal(await collectsWhileIdle('keep'), false)
  })
})
