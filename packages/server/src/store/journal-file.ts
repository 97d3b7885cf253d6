import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import {
  isMark,
  linesOf,
  type Mark,
  type MarkMade,
  parseLine,
  type Revocation,
  readJournalLines,
  type WholeJournal,
} from './revocation-journal.ts'

/** How a journal's file ends. */
export type JournalEnd =
  /** Not there, or not even its first line is. */
  | { readonly type: 'missing' }
  /** Something is there, and no mark. */
  | { readonly type: 'damaged' }
  /** `bytes`: how far the file goes up to and with its last mark. What follows was never acknowledged. */
  | { readonly type: 'mark'; readonly mark: Mark; readonly bytes: number }

/** A mark is shorter by far. Doubled until one is found. */
const TAIL_BYTES = 4096
const CHUNK_BYTES = 1_048_576
const LINE_FEED = 10

/** Looks at the end only: a journal that has grown for years opens as fast as a new one. */
export function journalEnd(path: string): JournalEnd {
  if (!existsSync(path)) return { type: 'missing' }
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    for (let length = TAIL_BYTES; ; length *= 2) {
      const start = Math.max(0, size - length)
      const end = lastMarkIn(readFrom(file, start, size - start), start)
      if (end !== null) return end
      if (start === 0) return { type: isFirstLine(file, size) ? 'missing' : 'damaged' }
    }
  } finally {
    closeSync(file)
  }
}

/** A first append that did not come to its end: one line, which is not whole. */
function isFirstLine(file: number, size: number): boolean {
  return size < TAIL_BYTES && !readFrom(file, 0, size).includes(LINE_FEED)
}

/** @param start where in the file `tail` begins; a line that began before it is not looked at */
function lastMarkIn(tail: Buffer, start: number): JournalEnd | null {
  let end = tail.lastIndexOf(LINE_FEED)
  while (end > 0) {
    const before = tail.lastIndexOf(LINE_FEED, end - 1)
    if (before === -1 && start > 0) return null
    const entry = parseLine(tail.toString('utf8', before + 1, end))
    if (entry !== null && isMark(entry)) return { type: 'mark', mark: entry, bytes: start + end + 1 }
    end = before
  }
  return null
}

function readFrom(file: number, start: number, length: number): Buffer {
  const buffer = Buffer.alloc(length)
  let read = 0
  while (read < length) {
    const count = readSync(file, buffer, read, length - read, start + read)
    if (count === 0) break
    read += count
  }
  return buffer.subarray(0, read)
}

/**
 * Appends, and returns when it is on the disk. What an append before left without a mark is cut off first.
 * @param end what journalEnd() said of the file; not of a damaged one
 * @param marks one at least; the first one ends the revocations
 */
export function appendToJournal(
  path: string,
  end: Exclude<JournalEnd, { type: 'damaged' }>,
  revocations: Iterable<Revocation>,
  marks: readonly MarkMade[],
): JournalEnd & { type: 'mark' } {
  const isNew = end.type === 'missing'
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  try {
    const from = isNew ? 0 : end.bytes
    ftruncateSync(file, from)
    const written = writeLines(file, from, linesOf(isNew ? null : end.mark.hash, revocations, marks))
    fdatasyncSync(file)
    if (isNew) syncFolder(dirname(path))
    return written
  } finally {
    closeSync(file)
  }
}

function writeLines(file: number, from: number, lines: Iterable<string>): JournalEnd & { type: 'mark' } {
  let position = from
  let waiting = ''
  let last = ''
  const write = () => {
    const bytes = Buffer.from(waiting)
    // A nearly full disk takes a part of it.
    for (let written = 0; written < bytes.length; ) {
      const count = writeSync(file, bytes, written, bytes.length - written, position)
      written += count
      position += count
    }
    waiting = ''
  }
  for (const line of lines) {
    last = line
    waiting += line
    if (waiting.length >= CHUNK_BYTES) write()
  }
  write()
  const mark = parseLine(last.trimEnd())
  if (mark === null || !isMark(mark)) throw new Error('An append to the journal ends with its mark')
  return { type: 'mark', mark, bytes: position }
}

/** The whole journal, checked from its first line on. A file that is not there is an empty one. */
export function readJournal(path: string): WholeJournal {
  return readJournalLines(existsSync(path) ? fileLines(path) : [])
}

/** Lines that end with a line feed, in pieces: the file may be larger than a text can be. */
function* fileLines(path: string): Generator<string> {
  const file = openSync(path, 'r')
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES)
    let rest = Buffer.alloc(0)
    for (let count = readSync(file, chunk); count > 0; count = readSync(file, chunk)) {
      const bytes = Buffer.concat([rest, chunk.subarray(0, count)])
      let start = 0
      for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
        yield bytes.toString('utf8', start, end)
        start = end + 1
      }
      rest = Buffer.from(bytes.subarray(start))
    }
  } finally {
    closeSync(file)
  }
}

/** The name of a new file is durable only after its folder is. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
