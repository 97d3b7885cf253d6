import { createHash } from 'node:crypto'
import { HOST_EXIT, HostProblem } from '../host-problem.ts'
import type { CopyHead, CopySide, CopySource, CopyTarget } from '../store/copy-port.ts'
import { COPY_TABLES, type CopyTable, keyOf } from '../store/copy-tables.ts'

export interface CopyMade {
  readonly head: CopyHead
  readonly isResumed: boolean
  readonly tables: readonly TableDigest[]
}

export interface TableDigest {
  readonly name: string
  readonly rows: number
  /** Hex; the same for the same rows, in whatever order they come. */
  readonly digest: string
}

/** Told after each page, with how many rows of the table were copied by this run. */
export type CopyProgress = (table: string, rows: number) => void

const PAGE = 1000

/**
 * Moves everything from one store into another and compares what both then hold, read back from both. Killed at any
 * moment it is gone on with when it is run again. Until it has come to its end the target is marked as no store.
 * @throws HostProblem when the target is not empty, the source changed meanwhile, or the two differ at the end
 */
export async function copyStore(
  source: CopySource,
  target: CopyTarget,
  progress: CopyProgress,
): Promise<CopyMade> {
  const head = await source.head()
  if (head.position === 0) throw new HostProblem(`${source.name} is empty: there is nothing to copy`)
  const begin = await target.begin(head)
  if (begin.type === 'refused') {
    throw new HostProblem(`${target.name} cannot be copied into: ${begin.problem}`, HOST_EXIT.conflict)
  }
  for (const table of COPY_TABLES) await copyTable(source, target, table, progress)
  const tables: TableDigest[] = []
  for (const table of COPY_TABLES) {
    const [mine, theirs] = [await digestOf(source, table), await digestOf(target, table)]
    if (mine.digest !== theirs.digest) throw differs(source, target, mine, theirs)
    tables.push(mine)
  }
  const after = await source.head()
  if (after.position !== head.position || after.trail !== head.trail) {
    throw new HostProblem(`${source.name} was changed while it was copied`, HOST_EXIT.conflict)
  }
  await target.finish()
  return { head, isResumed: begin.type === 'resumed', tables }
}

/** From where an earlier run came to: pages are added whole, in the order of the key. */
async function copyTable(
  source: CopySource,
  target: CopyTarget,
  table: CopyTable,
  progress: CopyProgress,
): Promise<void> {
  let after = await target.lastKey(table)
  for (let copied = 0; ; ) {
    const rows = await source.page(table, after, PAGE)
    if (rows.length === 0) return
    await target.insert(table, rows)
    after = keyOf(table, rows.at(-1)!)
    copied += rows.length
    progress(table.name, copied)
  }
}

const HASH_BITS = 256n

/** The sum of the hashes of all rows: it does not depend on their order, and a row twice is not a row once. */
export async function digestOf(side: CopySide, table: CopyTable): Promise<TableDigest> {
  let sum = 0n
  let count = 0
  for (let after: ReturnType<typeof keyOf> | null = null; ; ) {
    const rows = await side.page(table, after, PAGE)
    for (const row of rows)
      sum += BigInt(`0x${createHash('sha256').update(JSON.stringify(row)).digest('hex')}`)
    count += rows.length
    const last = rows.at(-1)
    if (last === undefined) break
    after = keyOf(table, last)
  }
  const digest = BigInt.asUintN(Number(HASH_BITS), sum).toString(16).padStart(64, '0')
  return { name: table.name, rows: count, digest }
}

function differs(source: CopySide, target: CopySide, mine: TableDigest, theirs: TableDigest): HostProblem {
  return new HostProblem(
    `the copy is not the same: ${mine.name} has ${mine.rows} rows in ${source.name} and ${theirs.rows} in ` +
      `${target.name}${mine.rows === theirs.rows ? ', with other contents' : ''}; no server starts on it. ` +
      'Empty the target and copy again',
    HOST_EXIT.conflict,
  )
}
