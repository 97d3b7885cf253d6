import { type CreditState, takeCredits } from './credits.ts'
import type { CreditResult, Store } from './port.ts'
import { Batches, type Waiting } from './postgres-batches.ts'
import type { PostgresConnection, Statement } from './postgres-connection.ts'
import { faultOf, isTransient } from './postgres-fault.ts'
import type { SqlRow } from './tables.ts'

type Spend = Parameters<Store['spendCredits']>
type Batch = readonly Waiting<Spend, CreditResult>[]

const SPEND_MS = 6000
const MAX_PENDING_SPENDS = 4096
const MAX_BATCH = 256
const MAX_REPEATS = 5

/** In the order of the keys, so that no two processes wait for each other; a new key starts full. */
const MAKE =
  'INSERT INTO credits (key, spent, since_ms) SELECT key, 0, 0 FROM json_array_elements_text($1::json) AS key ' +
  'ORDER BY key COLLATE "C" ON CONFLICT DO NOTHING'
const TAKE =
  'SELECT key, spent, since_ms FROM credits ' +
  'WHERE key IN (SELECT json_array_elements_text($1::json)) ORDER BY key FOR UPDATE'
const KEEP =
  'UPDATE credits SET spent = next.spent, since_ms = next.since_ms ' +
  'FROM json_to_recordset($1::json) AS next (key text, spent bigint, since_ms bigint) WHERE credits.key = next.key'

/**
 * Credits, on a connection of their own. The arithmetic is credits.ts's, so a spend reads, computes and writes while
 * it holds the key's row. What arrives together does so together: two round trips and one wait for the disk.
 */
export class PostgresCredits {
  readonly #connection: () => Promise<PostgresConnection>
  readonly #batches: Batches<Spend, CreditResult>

  constructor(connection: () => Promise<PostgresConnection>) {
    this.#connection = connection
    this.#batches = new Batches({
      task: 'spends credits',
      maxPending: MAX_PENDING_SPENDS,
      maxBatch: MAX_BATCH,
      carryOut: (batch) => this.#carryOut(batch),
    })
  }

  /** See Store.spendCredits. @throws StoreFault */
  spend(...args: Spend): Promise<CreditResult> {
    return this.#batches.add(args)
  }

  idle(): Promise<void> {
    return this.#batches.idle()
  }

  async #carryOut(batch: Batch): Promise<void> {
    const keys = JSON.stringify([...new Set(batch.map(({ item: [key] }) => key))])
    let results: readonly CreditResult[] = []
    const spend = ([, taken = []]: readonly (readonly SqlRow[])[]) => {
      const spent = spendAll(batch, new Map(taken.map((row) => [String(row.key), stateOf(row)])))
      results = spent.results
      return spent.changed.length === 0 ? [] : [common(KEEP, JSON.stringify(spent.changed))]
    }
    for (let repeats = 0; ; repeats++) {
      const connection = await this.#connection()
      const outcome = await connection.transaction([common(MAKE, keys), common(TAKE, keys)], SPEND_MS, spend)
      if (outcome.type === 'unknown') throw outcome.fault
      if (outcome.type === 'committed') {
        for (const [i, { resolve }] of batch.entries()) resolve(results[i]!)
        return
      }
      if (!isTransient(outcome.error) || repeats === MAX_REPEATS) throw faultOf(outcome.error)
    }
  }
}

function stateOf(row: SqlRow): CreditState {
  return { spent: Number(row.spent), sinceMs: Number(row.since_ms) }
}

/** One after the other, as they came. */
function spendAll(batch: Batch, states: Map<string, CreditState>) {
  const changed = new Map<string, CreditState>()
  const results = batch.map(({ item: [key, limit, cost, nowMs] }) => {
    const { result, next } = takeCredits(limit, changed.get(key) ?? states.get(key), cost, nowMs)
    if (result.allowed) changed.set(key, next)
    return result
  })
  const rows = [...changed].map(([key, { spent, sinceMs }]) => ({ key, spent, since_ms: sinceMs }))
  return { results, changed: rows }
}

function common(sql: string, json: string): Statement {
  return { sql, values: [json], isCommon: true }
}
