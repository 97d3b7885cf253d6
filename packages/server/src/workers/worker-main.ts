/** What a forked worker runs. */
import process from 'node:process'
import { Channel } from './ipc.ts'
import { processLink } from './link.ts'
import { runWorker } from './worker.ts'

await runWorker(new Channel(processLink(process)))
