import type { Mark, WholeJournal } from '../store/revocation-journal.ts'

/** Whether a journal has all that was revoked after a backup, and if not, why that cannot be said. */
export type Knowledge =
  | { readonly isKnown: true }
  | {
      readonly isKnown: false
      readonly why: 'missing' | 'damaged' | 'other_history' | 'ends_before' | 'gap'
      /** In words, for the operator. */
      readonly text: string
    }

export interface BackupHistory {
  readonly position: number
  /** Position of the newest restore in its trail, where its line of history begins; 0: there was none. */
  readonly restoredAt: number
  /** Hash of the backup's audit entry at a position; undefined: there is none. */
  readonly trailAt: (position: number) => string | undefined
}

/**
 * Each restore begins a new line of history, in which positions are taken again. The journal knows what came after a
 * backup when it has a mark of the backup's line before the backup's end, and one at its end or after it; and when no
 * line from there on ended with something unknown.
 */
export function knowledgeOf({ marks, damagedAtLine }: WholeJournal, backup: BackupHistory): Knowledge {
  if (damagedAtLine !== null) {
    return unknown('damaged', `the journal of revocations is damaged at line ${damagedAtLine}`)
  }
  if (marks.length === 0) return unknown('missing', 'there is no journal of revocations')
  const lines = linesOfHistory(marks)
  const mine = lines.findIndex((line) => isLineOf(line, backup))
  if (mine === -1) {
    const text = 'the journal of revocations was kept with another database, or began after the backup'
    return unknown('other_history', text)
  }
  const last = lines[mine]!.at(-1)!.position
  if (last < backup.position) {
    const text = `the journal of revocations ends at position ${last}, before the backup's ${backup.position}`
    return unknown('ends_before', text)
  }
  if (lines.slice(mine + 1).every(([first]) => first!.isKnown)) return { isKnown: true }
  return unknown('gap', 'an earlier restore was made without knowing what had been revoked after its backup')
}

/** It begins where the backup's line does, and an entry that it marks is the backup's own. */
function isLineOf(line: readonly Mark[], { position, restoredAt, trailAt }: BackupHistory): boolean {
  const [first] = line
  const begin = first?.do === 'restored' ? first.position : 0
  return (
    begin === restoredAt &&
    line.some(
      (mark) => mark.position > 0 && mark.position <= position && trailAt(mark.position) === mark.trail,
    )
  )
}

function unknown(why: Exclude<Knowledge, { isKnown: true }>['why'], text: string): Knowledge {
  return { isKnown: false, why, text }
}

/** The marks, parted where a restore began a new line. */
function linesOfHistory(marks: readonly Mark[]): Mark[][] {
  const lines: Mark[][] = []
  for (const mark of marks) {
    const current = lines.at(-1)
    if (current === undefined || mark.do === 'restored') lines.push([mark])
    else current.push(mark)
  }
  return lines
}
