import type { DatabaseError } from 'pg'
import { type CommitResult, type Conflict, type Put, StoreFault, type Write } from './port.ts'
import { Batches, type Waiting } from './postgres-batches.ts'
import type { PostgresConnection, TransactionOutcome } from './postgres-connection.ts'
import { faultOf, isLockTimeout, isTransient } from './postgres-fault.ts'
import { appendToFeed, type FeedEntry, feedEntryOf, positionsOf } from './postgres-feed.ts'
import { type Step, stepsOf } from './postgres-write.ts'
import { forEachTable } from './tables.ts'
import { referencesOf } from './write-order.ts'

export interface WriterSettings {
  readonly connection: () => Promise<PostgresConnection>
  readonly channel: string
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number
}

/** Longer than the server waits for locks and statements, so that it is the one to give up; see postgres.ts. */
const COMMIT_MS = 6000
const MAX_PENDING_WRITES = 1024
const MAX_BATCH = 64
/** Refusals after which the writes of a batch go on one by one. */
const MAX_REFUSALS = 3
/** Times that a write is repeated which was undone because of others. */
const MAX_REPEATS = 5

/** A write with everything made ready that can be before its transaction. */
interface Ready {
  readonly write: Write
  readonly steps: readonly Step[]
  readonly entry: FeedEntry
}

type Batch = readonly Waiting<Ready, CommitResult>[]

const IS_THERE = forEachTable((table) => `SELECT 1 FROM ${table} WHERE id = $1 AND workspace_id = $2`)

/**
 * Carries writes out, on one connection. What arrives together goes into one transaction, sent as a whole: one
 * round trip and one wait for the disk for all of it. Where one of them is refused the transaction is undone; that
 * one is set aside, the others go again without it, and afterwards it goes by itself, which tells its conflict.
 */
export class PostgresWriter {
  readonly #settings: WriterSettings
  readonly #batches: Batches<Ready, CommitResult>

  constructor(settings: WriterSettings) {
    this.#settings = settings
    this.#batches = new Batches({
      task: 'writes',
      maxPending: MAX_PENDING_WRITES,
      maxBatch: MAX_BATCH,
      carryOut: (batch) => this.#carryOut(batch),
    })
  }

  /** See Store.commit. @throws StoreFault */
  async commit(write: Write): Promise<CommitResult> {
    return this.#batches.add({ write, steps: stepsOf(write), entry: feedEntryOf(write) })
  }

  idle(): Promise<void> {
    return this.#batches.idle()
  }

  async #carryOut(batch: Batch): Promise<void> {
    let together = batch
    const aside: Waiting<Ready, CommitResult>[] = []
    for (let refusals = 0; together.length > 1 && refusals < MAX_REFUSALS; refusals++) {
      const outcome = await this.#attempt(together)
      if (outcome.type !== 'refused') {
        settle(together, outcome)
        together = []
        break
      }
      const { index, error } = outcome
      const refused = writeAt(together, index)
      // It waited for somebody else's lock as long as one may; so would the others behind it, one after the other.
      const isOver = isLockTimeout(error) || (refused === null && !isTransient(error))
      const over = refused === null ? together : [refused]
      if (isOver) for (const { reject } of over) reject(faultOf(error))
      else if (refused !== null) aside.push(refused)
      if (isOver || refused !== null) together = together.filter((waiting) => !over.includes(waiting))
    }
    await this.#oneByOne([...together, ...aside])
  }

  async #oneByOne(batch: Batch): Promise<void> {
    for (const waiting of batch) {
      try {
        waiting.resolve(await this.#alone(waiting))
      } catch (error) {
        waiting.reject(faultOf(error))
      }
    }
  }

  async #alone(waiting: Waiting<Ready, CommitResult>): Promise<CommitResult> {
    const { write, steps } = waiting.item
    for (let repeats = 0; ; repeats++) {
      const outcome = await this.#attempt([waiting])
      if (outcome.type === 'committed') {
        const [position] = positionsOf(outcome.rows.at(-1) ?? [], 1)
        return { ok: true, position: position! }
      }
      if (outcome.type === 'unknown') throw unknownOutcome(outcome.fault)
      const { error, index } = outcome
      const conflict = await this.#conflictOf(write, steps[index], error)
      if (conflict !== null && conflict !== 'gone again') return { ok: false, conflict }
      if (!(conflict === 'gone again' || isTransient(error)) || repeats === MAX_REPEATS) throw faultOf(error)
      await new Promise((resolve) => setTimeout(resolve, this.#settings.random() * 20 * (repeats + 1)))
    }
  }

  async #attempt(batch: Batch): Promise<TransactionOutcome> {
    const connection = await this.#settings.connection()
    const rows = batch.flatMap(({ item }) => item.steps.map(({ statement }) => statement))
    const entries = batch.map(({ item }) => item.entry)
    return connection.transaction([...rows, ...appendToFeed(entries, this.#settings.channel)], COMMIT_MS)
  }

  /** `gone again`: what was missing has been made meanwhile, so the write can be tried once more. */
  async #conflictOf(
    write: Write,
    step: Step | undefined,
    error: DatabaseError,
  ): Promise<Conflict | 'gone again' | null> {
    const refusal = step?.refusal(error) ?? null
    if (refusal === null) return null
    if (refusal.type === 'conflict') return refusal.conflict
    return (await this.#missingOf(refusal.put, write)) ?? 'gone again'
  }

  /** The first row that a put refers to and that is neither there nor made by the same write. */
  async #missingOf(put: Put, { puts }: Write): Promise<Conflict | null> {
    const connection = await this.#settings.connection()
    const { workspaceId } = put.record
    for (const { table, id } of referencesOf(put)) {
      const isMade = puts.some(
        ({ table: other, record }) =>
          other === table && record.id === id && record.revision === 1 && record.workspaceId === workspaceId,
      )
      if (isMade) continue
      const look = { sql: IS_THERE[table], values: [id, workspaceId], isCommon: true }
      if ((await connection.rows(look, COMMIT_MS)).length === 0) return { type: 'revision', table, id }
    }
    return null
  }
}

function settle(batch: Batch, outcome: Exclude<TransactionOutcome, { type: 'refused' }>): void {
  if (outcome.type === 'unknown') {
    for (const { reject } of batch) reject(unknownOutcome(outcome.fault))
    return
  }
  const positions = positionsOf(outcome.rows.at(-1) ?? [], batch.length)
  for (const [i, { resolve }] of batch.entries()) resolve({ ok: true, position: positions[i]! })
}

/** The write of a batch that the statement belongs to; null: it belongs to all of them. */
function writeAt(batch: Batch, index: number): Waiting<Ready, CommitResult> | null {
  let first = 0
  for (const waiting of batch) {
    first += waiting.item.steps.length
    if (index >= 0 && index < first) return waiting
  }
  return null
}

function unknownOutcome(fault: StoreFault): StoreFault {
  return new StoreFault(`Whether the write was carried out is not known: ${fault.message}`)
}
