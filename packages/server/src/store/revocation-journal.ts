import { createHash } from 'node:crypto'

/**
 * The journal of revocations: a file of lines outside the database and its backups, so that a backup that is put back
 * brings nothing to life again that was revoked since. It only grows. Every append ends with a mark, which says up to
 * which position the journal is complete and whose hash covers the mark before it and all lines in between: an append
 * that did not come to its end is a tail without a mark, and whatever was changed, removed or slipped in before it
 * shows. Lines are JSON and hold no secret.
 */

/** A credential, or one version of its secret, that must not be accepted again. */
export type Revocation = {
  /** Of the change that made it so. */
  readonly position: number
  readonly atMs: number
  readonly credentialId: string
} & (
  | { readonly do: 'revoke'; readonly reason: string | null }
  | { readonly do: 'revoke_version'; readonly version: number }
  | { readonly do: 'delete' }
)

/** How an append ends. */
export interface MarkMade {
  /**
   * complete: no revocation at or before `position` is missing. restored: a backup was put back, and the positions go
   * on from there; the first one of the new line of history is `position`.
   */
  readonly do: 'complete' | 'restored'
  readonly position: number
  /** The hash of the audit entry at `position`: tells this line of history from every other. */
  readonly trail: string
  readonly atMs: number
  /** restored: whether everything that was revoked in the line of history that ended was known. complete: true. */
  readonly isKnown: boolean
}

export interface Mark extends MarkMade {
  readonly hash: string
}

/** What the first mark is chained to. */
const FIRST_HASH = '0'.repeat(64)

/** The lines of one append, each with its line feed: what was revoked, and the mark that ends it; more marks, if any. */
export function* linesOf(
  previousHash: string | null,
  revocations: Iterable<Revocation>,
  marks: readonly MarkMade[],
): Generator<string> {
  let hash = createHash('sha256').update(`${previousHash ?? FIRST_HASH}\n`)
  for (const revocation of revocations) {
    const line = `${JSON.stringify(revocationJson(revocation))}\n`
    hash.update(line)
    yield line
  }
  for (const mark of marks) {
    const json = markJson(mark)
    const ownHash = hash.update(JSON.stringify(json)).digest('hex')
    yield `${JSON.stringify({ ...json, hash: ownHash })}\n`
    hash = createHash('sha256').update(`${ownHash}\n`)
  }
}

function revocationJson(revocation: Revocation): Record<string, unknown> {
  const { do: what, position, atMs, credentialId } = revocation
  const rest =
    revocation.do === 'revoke'
      ? { reason: revocation.reason }
      : revocation.do === 'revoke_version'
        ? { version: revocation.version }
        : {}
  return { do: what, position, at: new Date(atMs).toISOString(), credential: credentialId, ...rest }
}

function markJson({ do: what, position, trail, atMs, isKnown }: MarkMade): Record<string, unknown> {
  const known = what === 'restored' ? { known: isKnown } : {}
  return { do: what, position, at: new Date(atMs).toISOString(), trail, ...known }
}

/** A line, without its line feed; null: it is none of the journal's. */
export function parseLine(text: string): Revocation | Mark | null {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  if (!isObject(json) || typeof json.at !== 'string' || !Number.isSafeInteger(json.position)) return null
  const at = { position: json.position as number, atMs: Date.parse(json.at) }
  if (Number.isNaN(at.atMs)) return null
  if (json.do === 'complete' || json.do === 'restored') return parseMark(json, json.do, at)
  if (typeof json.credential !== 'string') return null
  const about = { ...at, credentialId: json.credential }
  if (json.do === 'delete') return { do: 'delete', ...about }
  if (json.do === 'revoke' && (json.reason === null || typeof json.reason === 'string'))
    return { do: 'revoke', ...about, reason: json.reason }
  if (json.do === 'revoke_version' && Number.isSafeInteger(json.version))
    return { do: 'revoke_version', ...about, version: json.version as number }
  return null
}

function parseMark(
  json: Record<string, unknown>,
  what: Mark['do'],
  at: { readonly position: number; readonly atMs: number },
): Mark | null {
  const { trail, hash, known } = json
  if (typeof trail !== 'string' || typeof hash !== 'string') return null
  if (what === 'restored' && typeof known !== 'boolean') return null
  return { do: what, ...at, trail, isKnown: what === 'complete' || known === true, hash }
}

export function isMark(entry: Revocation | Mark): entry is Mark {
  return entry.do === 'complete' || entry.do === 'restored'
}

/** The whole of a journal, checked. */
export interface WholeJournal {
  /** As far as they can be read; of an append without its mark: none. */
  readonly revocations: readonly Revocation[]
  readonly marks: readonly Mark[]
  /** The first line, from 1, that is not as it was written; null: the journal is whole. */
  readonly damagedAtLine: number | null
}

/** Reads lines, without their line feeds. What follows the last mark was never acknowledged, and is left out. */
export function readJournalLines(lines: Iterable<string>): WholeJournal {
  const revocations: Revocation[] = []
  const marks: Mark[] = []
  let damagedAtLine: number | null = null
  let group: Revocation[] = []
  let groupFrom = 1
  let unread: number | null = null
  let hash = createHash('sha256').update(`${FIRST_HASH}\n`)
  let number = 0
  for (const line of lines) {
    number++
    const entry = parseLine(line)
    if (entry === null || !isMark(entry)) {
      if (entry === null) unread ??= number
      else group.push(entry)
      hash.update(`${line}\n`)
      continue
    }
    hash.update(JSON.stringify(markJson(entry)))
    if (unread !== null || hash.digest('hex') !== entry.hash) damagedAtLine ??= unread ?? groupFrom
    revocations.push(...group)
    marks.push(entry)
    group = []
    groupFrom = number + 1
    unread = null
    hash = createHash('sha256').update(`${entry.hash}\n`)
  }
  return { revocations, marks, damagedAtLine }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
