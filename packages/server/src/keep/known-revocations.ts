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
  /** Hash of the backup's audit entry at a position; undefined: there is none. */
  readonly trailAt: (position: number) => string | undefined
}

/**
 * Each restore begins a new line of history, in which positions are taken again. The journal knows what came after a
 * backup when, in one such line, it has a mark of the backup's own history and one at or after the backup's end; and
 * when no line from there on ended with something unknown.
 */
export function knowledgeOf({ marks, damagedAtLine }: WholeJournal, backup: BackupHistory): Knowledge {
  if (damagedAtLine !== null) {
    return unknown('damaged', `the journal of revocations is damaged at line ${damagedAtLine}`)
  }
  if (marks.length === 0) return unknown('missing', 'there is no journal of revocations')
  const lines = linesOfHistory(marks)
  const isOf = (line: readonly Mark[]) =>
    line.some(
      ({ position, trail }) =>
        position > 0 && position <= backup.position && backup.trailAt(position) === trail,
    )
  const mine = lines.filter(isOf)
  if (mine.length === 0) {
    return unknown(
      'other_history',
      'the journal of revocations was kept with another database, or from a later moment on',
    )
  }
  const reaching = mine.find((line) => line.at(-1)!.position >= backup.position)
  if (reaching === undefined) {
    const last = Math.max(...mine.map((line) => line.at(-1)!.position))
    return unknown(
      'ends_before',
      `the journal of revocations ends at position ${last}, before the backup's ${backup.position}`,
    )
  }
  const after = lines.slice(lines.indexOf(reaching) + 1)
  if (after.every(([first]) => first!.isKnown)) return { isKnown: true }
  return unknown('gap', 'an earlier restore was made without knowing what had been revoked after its backup')
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
