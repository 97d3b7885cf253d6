/**
 * To be imported before a program (`node --import`): kills it, as kill -9 does, right before the n-th of its calls that
 * change what is in a folder or a file. CREDENCE_TEST_DIE_AT says which one.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const CHANGING = [
  ...['writeSync', 'writeFileSync', 'ftruncateSync', 'copyFileSync'],
  ...['renameSync', 'linkSync', 'unlinkSync', 'rmSync', 'mkdirSync'],
]

const dieAt = Number(process.env.CREDENCE_TEST_DIE_AT)
let step = 0
const changeable = fs as unknown as Record<string, (...args: unknown[]) => unknown>
for (const name of CHANGING) {
  const real = changeable[name]!
  changeable[name] = (...args) => {
    step++
    if (step === dieAt) process.kill(process.pid, 'SIGKILL')
    return real(...args)
  }
}
syncBuiltinESMExports()
