import { COPY_SETTING, type CopyRow, type CopyValue } from './copy-port.ts'
import type { CopyTable } from './copy-tables.ts'

/** The SQL of a copy that the databases share. */

type Placeholder = (n: number) => string

/** A page; see CopySide.page. */
export function pageStatement(
  table: CopyTable,
  after: CopyRow | null,
  limit: number,
  placeholder: Placeholder,
): { readonly sql: string; readonly values: CopyValue[] } {
  const key = table.key.join(', ')
  const places = table.key.map((_, i) => placeholder(i + 1)).join(', ')
  const conditions = [...conditionsOf(table), ...(after === null ? [] : [`(${key}) > (${places})`])]
  const values = [...(after ?? []), limit]
  return {
    sql:
      `SELECT ${Object.keys(table.columns).join(', ')} FROM ${table.name} ${where(conditions)} ` +
      `ORDER BY ${key} LIMIT ${placeholder(values.length)}`,
    values,
  }
}

/** The greatest key; see CopyTarget.lastKey. */
export function lastKeyStatement(table: CopyTable): string {
  const order = table.key.map((column) => `${column} DESC`).join(', ')
  return `SELECT ${table.key.join(', ')} FROM ${table.name} ${where(conditionsOf(table))} ORDER BY ${order} LIMIT 1`
}

/** Whether a table has rows that no migration has made. */
export function isUsedStatement(table: CopyTable): string {
  const made = table.name === 'feed' ? ['position > 0'] : []
  return `SELECT 1 FROM ${table.name} ${where(made)} LIMIT 1`
}

/** The mark of a copy is no row of the store. */
function conditionsOf({ name }: CopyTable): string[] {
  return name === 'settings' ? [`name <> '${COPY_SETTING}'`] : []
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
}

/** The values of a row's columns, in the order given. */
export function valuesOf(row: Readonly<Record<string, unknown>>, columns: readonly string[]): CopyRow {
  return columns.map((column) => row[column] as CopyValue)
}
