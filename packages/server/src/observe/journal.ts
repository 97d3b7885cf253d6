import type { Logger } from 'pino'
import type { JournalTried } from '../store/keep-journal.ts'

/** Whether the journal of revocations is kept, for the log and the metrics. */
export interface WatchedJournal {
  readonly tried: (tried: JournalTried) => void
  readonly isKept: () => boolean
}

/** Says in the log when the journal cannot be written, once, and when it can be again. */
export function watchedJournal(path: string, log: Logger): WatchedJournal {
  let isKept = true
  return {
    tried({ problem, begun }) {
      if (begun === 'damaged')
        log.error({ path }, 'the journal of revocations was damaged, and is begun anew')
      if (begun === 'missing') log.info({ path }, 'the journal of revocations begins')
      const wasKept = isKept
      isKept = problem === null
      if (wasKept && !isKept) {
        log.error({ path, problem }, 'revocations act, but the journal that a restore repeats lacks them')
      }
      if (!wasKept && isKept) log.info({ path }, 'the journal of revocations is complete again')
    },
    isKept: () => isKept,
  }
}
