import fc from 'fast-check'
import { change, changed, toJson, weirdValue, withMembers } from './weird-json.ts'

/** What is used of an OpenAPI document. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly examples?: readonly unknown[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema | readonly Schema[]
  readonly anyOf?: readonly Schema[]
}

interface Parameter {
  readonly in: string
  readonly name: string
  readonly schema: Schema
}

export interface Operation {
  readonly operationId: string
  readonly method: string
  readonly path: string
  readonly statuses: readonly number[]
  readonly parameters: readonly Parameter[]
  readonly body: Schema | null
}

export interface OpenApi {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly operationId: string
            readonly parameters?: readonly Parameter[]
            readonly requestBody?: {
              readonly content: Readonly<Record<string, { readonly schema: Schema }>>
            }
            readonly responses: Readonly<Record<string, unknown>>
          }
        >
      >
    >
  >
}

export function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, parameters = [], requestBody, responses }]) => ({
      ...{ operationId, path, parameters, method: method.toUpperCase() },
      statuses: Object.keys(responses).map(Number),
      body: requestBody?.content['application/json']?.schema ?? null,
    })),
  )
}

export interface FuzzRequest {
  readonly operation: Operation
  readonly method: string
  readonly target: Buffer
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer | null
  /** Whether method, path and headers are such as the document describes: then the status must be among its own. */
  readonly isDescribed: boolean
}

/** What requests are likely to hit: names and ids of rows that are there, and keys with power and without. */
export interface Vocabulary {
  /** By the name of a parameter or member. */
  readonly values: Readonly<Record<string, readonly unknown[]>>
  readonly adminKey: string
  /** Of administration, each with some power and not all. */
  readonly lesserKeys: readonly string[]
  /** Of no power but over themselves; may end on the way. */
  readonly selfKeys: readonly string[]
}

export function requestBytes({ method, target, headers, body }: FuzzRequest): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const length = body === null ? '' : `Content-Length: ${body.length}\r\n`
  const head = Buffer.concat([
    Buffer.from(`${method} `, 'latin1'),
    target,
    Buffer.from(` HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines}${length}\r\n`, 'latin1'),
  ])
  return body === null ? head : Buffer.concat([head, body])
}

/** A request that may be well formed, or wrong in one place, or in several. */
export function fuzzRequest(operations: readonly Operation[], words: Vocabulary): fc.Arbitrary<FuzzRequest> {
  return fc.oneof(
    ...operations.map((operation) => ({
      // Bodies have the most to get wrong.
      weight: operation.body === null ? 1 : 3,
      arbitrary: requestFor(operation, words),
    })),
  )
}

const ODD_METHODS = ['PUT', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'SEARCH', 'FOO', 'get', 'G\u00e4T']
const ODD_TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/json;charset=utf-16',
  'a',
  '*/*',
  '',
  'application/problem+json',
  '\u00e9',
]
const ODD_HEADERS: readonly (readonly [string, string])[] = [
  ['Idempotency-Key', 'a b'],
  ['Idempotency-Key', 'x'.repeat(300)],
  ['Idempotency-Key', ''],
  ['Idempotency-Key', '__proto__'],
  ['If-Match', '*'],
  ['If-Match', '"1"'],
  ['If-Match', 'W/"1"'],
  ['If-Match', '"999999999999999999999"'],
  ['If-Match', '\u00ff\u00fe'],
  ['Content-Encoding', 'gzip'],
  ['Expect', '100-continue'],
  ['Expect', 'miracles'],
  ['Upgrade', 'websocket'],
  ['Transfer-Encoding', 'chunked'],
  ['Transfer-Encoding', 'gzip'],
  ['Content-Length', '-1'],
  ['Content-Length', '3'],
  ['Host', 'example.org'],
  ['X-Api-Key', 'crd_live_x'],
  ['Cookie', 'a='.repeat(2000)],
  ['X-Long', 'x'.repeat(40_000)],
  ['Bad Name', 'x'],
  ['X-Control', 'a\u0001b'],
  ['Accept', 'text/html'],
]

function requestFor(operation: Operation, words: Vocabulary): fc.Arbitrary<FuzzRequest> {
  const { method, parameters } = operation
  const queries = parameters.filter((parameter) => parameter.in === 'query')
  return fc
    .record({
      path: pathOf(operation, words),
      query: fc.record(
        Object.fromEntries(queries.map(({ name, schema }) => [name, anyValueOf(schema, name, words)])),
        {
          requiredKeys: [],
        },
      ),
      oddQuery: seldom(
        10,
        fc.constantFrom(
          'limit=0',
          'limit=1e9',
          'cursor=%00',
          'cursor=AAAA',
          'x=1',
          'limit=1&limit=2',
          '%',
          '__proto__=1',
          'code=%ff',
          '&&==',
        ),
      ),
      oddPath: seldom(40, oddPath),
      oddMethod: seldom(40, fc.constantFrom(...ODD_METHODS)),
      oddHeader: seldom(15, fc.constantFrom(...ODD_HEADERS)),
      oddType: seldom(40, fc.constantFrom(...ODD_TYPES)),
      idempotency: seldom(12, fc.stringMatching(/^[a-c]{1,2}$/)),
      authorization: authorizationFor(operation, words),
      body:
        operation.body === null
          ? seldom(20, fc.constant(Buffer.from('{"x":1}')))
          : bodyOf(operation.body, words),
    })
    .map((parts) => {
      const { oddPath, oddMethod, oddHeader, oddType, oddQuery, idempotency, authorization } = parts
      const query = Object.entries(parts.query).map(([name, value]) => `${name}=${encoded(String(value))}`)
      if (oddQuery !== null) query.push(oddQuery)
      const path = oddPath ?? parts.path
      const isHead = oddMethod === 'HEAD'
      const body = isHead ? null : parts.body
      const headers: (readonly [string, string])[] = [...authorization]
      if (body !== null) headers.push(['Content-Type', oddType ?? 'application/json'])
      if (idempotency !== null) headers.push(['Idempotency-Key', idempotency])
      if (oddHeader !== null) headers.push(oddHeader)
      return {
        operation,
        method: oddMethod ?? method,
        target: Buffer.from(query.length === 0 ? path : `${path}?${query.join('&')}`, 'latin1'),
        headers,
        body,
        isDescribed:
          [oddPath, oddMethod, oddHeader, oddType].every((odd) => odd === null) &&
          (body === null) === (operation.body === null),
      }
    })
}

/** Null but for one time in so many. */
function seldom<T>(times: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: times - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })
}

const oddPath = fc.constantFrom(
  '/',
  '//v1/apis',
  '/v1',
  '/v1/apis/',
  '/v1/apis/%',
  '/v1/apis/%ff',
  '/v1/apis/%00',
  '/v1/apis/%2e%2e',
  '/v1/../v1/apis',
  '/V1/APIS',
  '/v1/apis/a/b/c',
  `/v1/apis/${'a'.repeat(600)}`,
  `/${'a/'.repeat(3000)}`,
  '/v1/apis/\u00e9',
  '*',
  'v1/apis',
  'http://x/v1/apis',
  '/v1/apis#x',
  '/v1/credentials/__proto__',
  '/v1/decisions/%F0%9F%92%A9',
  '/v1/apis/a;b',
)

function pathOf({ path, parameters }: Operation, words: Vocabulary): fc.Arbitrary<string> {
  const names = [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]!)
  const schemas = new Map(parameters.filter((one) => one.in === 'path').map((one) => [one.name, one.schema]))
  const area = path.split('/')[2]!
  return fc
    .tuple(
      ...names.map((name) => {
        const word = words.values[name === 'ref' || name === 'id' ? area : name] ?? ['1']
        return fc.oneof(
          { weight: 6, arbitrary: fc.constantFrom(...word).map(String) },
          { weight: 1, arbitrary: anyValueOf(schemas.get(name) ?? {}, name, words).map(String) },
          {
            weight: 1,
            arbitrary: fc.constantFrom('__proto__', '\u0000', '../', '%', 'a'.repeat(200), '\u202e', '-1'),
          },
        )
      }),
    )
    .map((values) => {
      let index = 0
      return path.replace(/\{[^}]+\}/g, () => encoded(values[index++]!))
    })
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

function authorizationFor({ path }: Operation, { adminKey, lesserKeys, selfKeys }: Vocabulary) {
  // What is done to "self" is done to the key itself: the admin key must outlive the test.
  const isSelf = path.includes('/self')
  const powerful = isSelf ? selfKeys : [adminKey]
  const lesser = isSelf ? selfKeys : lesserKeys
  const bearing = (key: string): (readonly [string, string])[] => [['Authorization', `Bearer ${key}`]]
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...powerful).map(bearing) },
    { weight: 2, arbitrary: fc.constantFrom(...lesser).map(bearing) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<(readonly [string, string])[]>(
        [],
        [['Authorization', 'Bearer']],
        [['Authorization', `Basic ${'A'.repeat(40)}`]],
        [['Authorization', `Bearer ${lesserKeys[0]}x`]],
        [['Authorization', `Bearer ${'a'.repeat(9000)}`]],
        [['Authorization', 'Bearer \u00ff\u0080']],
        [...bearing(lesserKeys[0]!), ['X-API-Key', lesserKeys[1]!]],
        [...bearing(lesserKeys[0]!), ...bearing(lesserKeys[1]!)],
      ),
    },
  )
}

/** Bytes that no JSON holds, at any place. */
const SPLICES = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0], [0xef, 0xbb, 0xbf], [0x7d], [0x22], [0x5c]]

function bodyOf(schema: Schema, words: Vocabulary): fc.Arbitrary<Buffer> {
  const value = anyValueOf(schema, '', words).map(withMembers)
  const text = fc
    .tuple(
      value,
      fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(change, { minLength: 1, maxLength: 3 })),
    )
    .map(([body, changes]) => Buffer.from(toJson(changes.reduce(changed, body))))
  const spliced = fc.tuple(text, fc.constantFrom(...SPLICES), fc.nat()).map(([bytes, splice, at]) => {
    const place = at % (bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, place), Buffer.from(splice), bytes.subarray(place)])
  })
  const cut = fc.tuple(text, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % (bytes.length + 1)))
  return fc.oneof(
    { weight: 150, arbitrary: text },
    { weight: 10, arbitrary: spliced },
    { weight: 10, arbitrary: cut },
    { weight: 10, arbitrary: weirdValue.map((odd) => Buffer.from(toJson(odd))) },
    { weight: 5, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    // Valid, but larger than the setting allows.
    { weight: 1, arbitrary: fc.constant(Buffer.from(`{"name":"${'a'.repeat(300_000)}"}`)) },
  )
}

/** A value as the schema describes it, most of the time one that means something here. */
function anyValueOf(schema: Schema, name: string, words: Vocabulary): fc.Arbitrary<unknown> {
  const known = words.values[name]
  const plain = plainValueOf(schema, name, words)
  return known === undefined ? plain : fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...known) }, plain)
}

function plainValueOf(schema: Schema, name: string, words: Vocabulary): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((one) => anyValueOf(one, name, words)))
  const types = [schema.type ?? 'string'].flat() as string[]
  return fc.oneof(...types.map((type) => typedValueOf(type, schema, words)))
}

function typedValueOf(type: string, schema: Schema, words: Vocabulary): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'integer':
    case 'number': {
      const { minimum = 0, maximum = 1_000_000 } = schema
      return fc.integer({ min: minimum, max: Math.min(maximum, 2 ** 31 - 1) })
    }
    case 'array': {
      const { items = {} } = schema
      if (Array.isArray(items)) return fc.tuple(...items.map((item) => anyValueOf(item, '', words)))
      return fc.array(anyValueOf(items as Schema, '', words), { maxLength: 3 })
    }
    case 'object':
      return objectOf(schema, words)
    default:
      return textOf(schema)
  }
}

function objectOf(schema: Schema, words: Vocabulary): fc.Arbitrary<unknown> {
  const { properties, required = [], additionalProperties } = schema
  if (properties === undefined) {
    const member =
      typeof additionalProperties === 'object' ? anyValueOf(additionalProperties, '', words) : fc.string()
    return fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), member, { maxKeys: 3 })
  }
  const members = Object.entries(properties).map(
    ([name, one]) => [name, anyValueOf(one, name, words)] as const,
  )
  return fc.record(Object.fromEntries(members), { requiredKeys: [...required] })
}

function textOf({ examples = [], pattern, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  const free = fc.string({ maxLength: Math.min(maxLength, 40) })
  // Negated classes say what a text must not hold; only the others describe what it looks like.
  const shaped =
    pattern === undefined || pattern.includes('[^') ? free : fc.stringMatching(new RegExp(pattern))
  const texts = examples.filter((example) => typeof example === 'string')
  return texts.length === 0 ? shaped : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...texts) }, shaped)
}
