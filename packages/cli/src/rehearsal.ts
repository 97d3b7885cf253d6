/**
 * A start on a folder of its own that stops as soon as everything runs: whatever a start loads, in any thread and any
 * worker, is in the compile cache afterwards. A process of its own runs this file; see rehearse-once.js. Its argument
 * says whether there are workers.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { processTerminal } from './process-terminal.ts'
import { runCredence } from './run.ts'

const folder = mkdtempSync(join(tmpdir(), 'credence-rehearsal-'))
const nowhere = { isTty: false, columns: 80, write: () => {} }
try {
  process.exitCode = await runCredence(['start'], {
    ...processTerminal(),
    // None of the settings of the start to come: its ports, its data and its keys are not for this.
    env: {
      CREDENCE_DATA: folder,
      CREDENCE_LISTEN: '127.0.0.1:0',
      CREDENCE_GATEWAY_LISTEN: '127.0.0.1:0',
      CREDENCE_LOG: 'off',
      CREDENCE_WORKERS: process.argv[2] === 'workers' ? '2' : '1',
    },
    // The banner, once every listener is open.
    stdout: { ...nowhere, write: () => process.kill(process.pid, 'SIGTERM') },
    stderr: nowhere,
  })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
