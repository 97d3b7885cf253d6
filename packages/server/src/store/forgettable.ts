/** What is forgotten by its age: where it stands, its key, and what is compared with the bound. */
const FORGETTABLE = {
  idempotency: { table: 'idempotency', key: 'scope, key', age: 'created_at_ms' },
  changes: { table: 'changes', key: 'position', age: 'at_ms' },
  // Word for word as the index `access_token_end` has it, or the index would not be used.
  accessTokens: { table: 'credential', key: 'id', age: "kind = 'access_token' AND expires_at_ms" },
} as const

export type Forgettable = keyof typeof FORGETTABLE

/** Deletes what is older than a parameter, `limit` rows at most, and returns a row for each. */
export function forgetting(what: Forgettable, parameter: string, limit: number): string {
  const { table, key, age } = FORGETTABLE[what]
  const old = `SELECT ${key} FROM ${table} WHERE ${age} < ${parameter} LIMIT ${limit}`
  return `DELETE FROM ${table} WHERE (${key}) IN (${old}) RETURNING 1`
}
