import type { FieldError } from './operation.ts'

/** What came of converting a part of a request: its value, or every field at fault. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly FieldError[] }

export function read<T>(value: T): Reading<T> {
  return { ok: true, value }
}

export function unreadable(field: string, detail: string): { ok: false; errors: readonly FieldError[] } {
  return { ok: false, errors: [{ field, detail }] }
}

type Values<R extends Readonly<Record<string, Reading<unknown>>>> = {
  [K in keyof R]: R[K] extends Reading<infer T> ? T : never
}

/** All of the values, or the errors of all of the parts: a caller mends a request once, not field by field. */
export function readAll<R extends Readonly<Record<string, Reading<unknown>>>>(parts: R): Reading<Values<R>> {
  const errors: FieldError[] = []
  const values: Record<string, unknown> = {}
  for (const [name, part] of Object.entries(parts)) {
    if (part.ok) values[name] = part.value
    else errors.push(...part.errors)
  }
  // Each value was put under the name of the part it came from.
  return errors.length > 0 ? { ok: false, errors } : { ok: true, value: values as Values<R> }
}
