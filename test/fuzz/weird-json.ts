import fc from 'fast-check'

/** JSON text that no value of JavaScript stands for. */
export class Raw {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A list of members, so that one can stand twice, or be named `__proto__`. */
export class Members {
  readonly list: readonly (readonly [string, unknown])[]
  constructor(list: readonly (readonly [string, unknown])[]) {
    this.list = list
  }
}

export function toJson(value: unknown): string {
  if (value instanceof Raw) return value.text
  if (value instanceof Members) {
    return `{${value.list.map(([name, member]) => `${JSON.stringify(name)}:${toJson(member)}`).join(',')}}`
  }
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`
  return JSON.stringify(value) ?? 'null'
}

/** Objects become members all the way down. */
export function withMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withMembers)
  if (value === null || typeof value !== 'object') return value
  return new Members(Object.entries(value).map(([name, member]) => [name, withMembers(member)]))
}

const NUMBERS = [
  '0',
  '-1',
  '-0',
  '0.5',
  '1e309',
  '-1e309',
  '1e-400',
  '9007199254740993',
  '2147483648',
  '1e21',
]
const NOT_JSON = [
  'NaN',
  'Infinity',
  '01',
  '+1',
  '.5',
  "'a'",
  'undefined',
  '"\t"',
  '"\\x41"',
  '"\\ud800\\u0041"',
]
const TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udfff\ud800',
  '\u202eabc',
  '\ufeff',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  "' OR 1=1 --",
  '%00',
  '*',
  '*:*',
  'ws_000000000001',
  '9007199254740993',
  'ｅ\u0301',
]
const MOMENTS = [
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
  '9999-12-31T23:59:60+23:59',
  '2026-02-30T00:00:00Z',
  '+275760-09-13T00:00:00.001Z',
  '-000001-01-01T00:00:00Z',
  '2026-01-01',
  '2026-01-01T24:00:00Z',
]
const URLS = [
  'http://[::1]:1',
  'http://169.254.169.254',
  'file:///etc/passwd',
  'http://a@b',
  'http://127.0.0.1:99999',
]

const constants = [...NUMBERS, ...NOT_JSON, 'null', 'true', '[]', '{}', '[[]]', '{"":""}'].map(
  (text) => new Raw(text),
)
const HUGE = [
  () => new Raw(`[${'0,'.repeat(99_999)}0]`),
  () => new Raw(`[${'"a",'.repeat(99_999)}"a"]`),
  () => new Raw(`[${'{},'.repeat(99_999)}{}]`),
  () => new Raw(`{${Array.from({ length: 20_000 }, (_, n) => `"k${n}":1`).join(',')}}`),
  () => 'a'.repeat(100_000),
  () => new Raw('['.repeat(5000)),
  () => new Raw('['.repeat(5000) + ']'.repeat(5000)),
  () => new Raw('9'.repeat(50_000)),
]

/** A value that no field asks for. Huge ones are seldom: they cost time. */
export const weirdValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom<unknown>(...constants, ...TEXTS, ...MOMENTS, ...URLS) },
  { weight: 5, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
  { weight: 5, arbitrary: fc.double().map((number) => (Number.isFinite(number) ? number : 0)) },
  { weight: 1, arbitrary: fc.constantFrom(...HUGE).map((make) => make()) },
)

/** Names that a body does not know, or that a parser might trip over. */
const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'id',
  'revision',
  'workspace_id',
  '',
  '\u0000',
  'x',
]

export type Change =
  | { readonly type: 'replace' | 'duplicate'; readonly at: number; readonly value: unknown }
  | { readonly type: 'drop'; readonly at: number }
  | { readonly type: 'add'; readonly at: number; readonly name: string; readonly value: unknown }

const at = fc.nat({ max: 60 })
export const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('replace' as const), at, value: weirdValue }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('duplicate' as const), at, value: weirdValue }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('drop' as const), at }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('add' as const),
      at,
      name: fc.constantFrom(...NAMES),
      value: weirdValue,
    }),
  },
)

/** Carries out a change at one place of a body: the places are counted depth first, and around. */
export function changed(body: unknown, one: Change): unknown {
  const places = countPlaces(body)
  let left = one.at % Math.max(1, places)
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((item) => (left-- === 0 ? replaced(item) : visit(item)))
    if (!(value instanceof Members)) return value
    return new Members(value.list.flatMap(([name, member]) => here(name, member)))
  }
  const replaced = (value: unknown) =>
    one.type === 'drop' ? new Raw('null') : 'value' in one ? one.value : value
  const here = (name: string, member: unknown): (readonly [string, unknown])[] => {
    if (left-- !== 0) return [[name, visit(member)]]
    switch (one.type) {
      case 'drop':
        return []
      case 'replace':
        return [[name, one.value]]
      case 'duplicate':
        return [
          [name, member],
          [name, one.value],
        ]
      case 'add':
        return [
          [name, member],
          [one.name, one.value],
        ]
    }
  }
  return places === 0 ? replaced(body) : visit(body)
}

function countPlaces(value: unknown): number {
  const inside = Array.isArray(value)
    ? value
    : value instanceof Members
      ? value.list.map(([, member]) => member)
      : []
  return inside.reduce<number>((sum, member) => sum + 1 + countPlaces(member), 0)
}
