/**
 * The building blocks of every administration schema. What passes them is bounded in size and number; what a
 * schema cannot say (calendar, time zones, scopes that exist) is checked where it is converted or used.
 */
import { CREDENTIAL_KINDS, FAULT_CODES, QUOTA_PERIODS, VERDICT_CODES } from '@credence/core'
import { type Static, type TSchema, type TUnsafe, Type } from 'typebox'

/**
 * No control characters, no line or paragraph separators, no bidi controls (a name must read the same wherever it
 * is shown), and no lone surrogates, which no store could give back.
 */
const PLAIN =
  '[^\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]'

/** Pattern → what it asks for, in words, for the errors of whoever broke it. */
const MEANINGS = new Map<string, string>()

function pattern(expression: string, meaning: string): string {
  MEANINGS.set(expression, meaning)
  return expression
}

const PLAIN_TEXT = pattern(`^${PLAIN}*$`, 'must not hold control, bidi or line-break characters')
const NAME = pattern(
  '^[a-z][a-z0-9-]{0,62}$',
  'must be a lower-case letter and then letters, digits or dashes, at most 63 characters',
)
const LABEL = pattern(
  '^[a-z][a-z0-9_-]{0,62}$',
  'must be a lower-case letter and then letters, digits, dashes or underscores, at most 63 characters',
)
const VISIBLE = pattern('^[!-~]{1,255}$', 'must be 1 to 255 visible ASCII characters')
const VISIBLE_OR_SPACE = pattern('^[ -~]{1,255}$', 'must be 1 to 255 printable ASCII characters')
const PAGE_LIMIT = pattern('^(?:100|[1-9][0-9]?)$', 'must be a whole number from 1 to 100')
const TIME_OF_DAY = pattern('^(?:[01][0-9]|2[0-3]):[0-5][0-9]$', 'must be a time of day such as 08:30')
const END_OF_DAY = pattern(
  '^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$',
  'must be a time of day such as 17:30, or 24:00',
)
const METHOD = pattern('^(?:\\*|[A-Z][A-Z0-9-]{0,31})$', 'must be an HTTP method in upper case, or * for all')
const RFC_3339 = pattern(
  '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$',
  'must be an RFC 3339 time such as 2027-02-22T00:00:00Z',
)

/** What a pattern asks for, in words; null for one that is not of these schemas. */
export function patternMeaning(expression: string): string | null {
  return MEANINGS.get(expression) ?? null
}

interface Doc {
  readonly description?: string
  readonly examples?: readonly unknown[]
}

/** One line of text for people. */
export function Text(maxLength: number, doc: Doc & { readonly minLength?: number } = {}) {
  return Type.String({ minLength: 1, maxLength, pattern: PLAIN_TEXT, ...doc })
}

/** The schema, or null. Said as a list of types and not as `anyOf`, so that an error names one reason and not three. */
export function Nullable<T extends TSchema & { readonly type: string }>(schema: T) {
  const { enum: values } = schema as { enum?: readonly unknown[] }
  // The type of a schema that is spread is no longer TypeBox's own, so it is stated.
  const nullable = { ...schema, type: [schema.type, 'null'], ...(values && { enum: [...values, null] }) }
  return Type.Unsafe<Static<T> | null>(nullable)
}

/** An object that takes these members and no others. */
export function Strict<P extends Record<string, TSchema>>(properties: P, doc: Doc = {}) {
  return Type.Object(properties, { additionalProperties: false, ...doc })
}

export function OneOf<const T extends readonly string[]>(values: T, doc: Doc = {}) {
  const schema = { type: 'string' as const, enum: [...values], ...doc }
  return Type.Unsafe<T[number]>(schema) as TUnsafe<T[number]> & typeof schema
}

export const Name = Type.String({
  minLength: 1,
  maxLength: 63,
  pattern: NAME,
  description: 'Unique in its workspace; accepted wherever the id is.',
  examples: ['orders'],
})
/** A name that may hold more: of a limit, as it appears in RateLimit headers. */
const Label = Type.String({ minLength: 1, maxLength: 63, pattern: LABEL, examples: ['default'] })

/** An id or a name. */
export const Ref = Text(128, { description: 'An id or a name.', examples: ['orders'] })
export const RefParams = Strict({ ref: Ref })
export const Id = Type.String({ maxLength: 64, description: 'Made by Credence; never changes.' })

export const Timestamp = Type.String({
  maxLength: 40,
  pattern: RFC_3339,
  format: 'date-time',
  description: 'RFC 3339.',
  examples: ['2027-02-22T00:00:00Z'],
})

/** Input: ids, scopes and patterns are checked against the API where they are used. */
export const ScopeText = Type.String({
  minLength: 1,
  maxLength: 256,
  pattern: PLAIN_TEXT,
  examples: ['orders:read'],
})
export const Scopes = Type.Array(ScopeText, { maxItems: 200 })

/** Its length in characters is one of the rules of passwords; this bounds what is looked at. */
export const Password = Type.String({
  minLength: 1,
  maxLength: 1024,
  description:
    'Of kind `basic`: 15 to 256 characters, on no list of common passwords. Left out: one is generated, and returned as `secret`.',
})

export const Kind = OneOf(CREDENTIAL_KINDS, {
  description:
    'Kind of credential. This release issues `api_key`, `client_secret`, `client_key` and `basic`.',
})

export const MetadataShape = Type.Unsafe<Record<string, string>>({
  type: 'object',
  maxProperties: 50,
  propertyNames: { type: 'string', minLength: 1, maxLength: 64, pattern: PLAIN_TEXT },
  additionalProperties: { type: 'string', maxLength: 512, pattern: PLAIN_TEXT },
  description: "The operator's own; handed on in verdicts, never interpreted.",
  examples: [{ team: 'payments' }],
})

export const Tags = Type.Array(Text(64), { maxItems: 20, examples: [['production']] })

/** Largest limit, cost and refill. */
export const MAX_COUNT = 1_000_000_000
const Count = Type.Integer({ minimum: 1, maximum: MAX_COUNT })

export const LimitShape = Strict({
  name: Label,
  type: Type.Optional(
    OneOf(['rate', 'quota', 'credits'], {
      description: 'Left out: rate with `window_seconds`, quota with `period`, else credits.',
    }),
  ),
  limit: Count,
  window_seconds: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 31 * 86_400, description: 'Of a rate.' }),
  ),
  period: Type.Optional(OneOf(QUOTA_PERIODS, { description: 'Of a quota: a calendar period in UTC.' })),
  refill: Type.Optional(
    Nullable(Strict({ amount: Count, every_seconds: Type.Integer({ minimum: 1, maximum: 366 * 86_400 }) })),
  ),
})
export const Limits = Type.Array(LimitShape, { maxItems: 10 })

export const Method = Type.String({ minLength: 1, maxLength: 32, pattern: METHOD, examples: ['GET'] })
export const PathText = Type.String({
  minLength: 1,
  maxLength: 1024,
  pattern: PLAIN_TEXT,
  examples: ['/orders/*'],
})

export const TimeWindowShape = Strict({
  days: Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), {
    minItems: 1,
    maxItems: 7,
    description: '1 Monday … 7 Sunday (ISO 8601).',
  }),
  start: Type.String({ maxLength: 5, pattern: TIME_OF_DAY, examples: ['08:00'] }),
  end: Type.String({
    maxLength: 5,
    pattern: END_OF_DAY,
    description: 'Exclusive. At or before the start: the span runs over midnight.',
    examples: ['18:00'],
  }),
  time_zone: Text(64, { description: 'IANA time zone.', examples: ['Europe/Berlin'] }),
})

export const ConditionsShape = Strict(
  {
    ip_ranges: Type.Optional(
      Nullable(Type.Array(Text(64, { examples: ['203.0.113.0/24'] }), { minItems: 1, maxItems: 100 })),
    ),
    methods: Type.Optional(Nullable(Type.Array(Method, { minItems: 1, maxItems: 20 }))),
    paths: Type.Optional(Nullable(Type.Array(PathText, { minItems: 1, maxItems: 100 }))),
    time_window: Type.Optional(Nullable(TimeWindowShape)),
  },
  { description: 'When it may be used; every member that is not null must hold.' },
)

/** What a grant says when it is made or changed. */
export const GrantInput = Strict({
  api: Ref,
  scopes: Type.Optional(Scopes),
  roles: Type.Optional(Type.Array(Ref, { maxItems: 50 })),
})
export const GrantInputs = Type.Array(GrantInput, { maxItems: 50 })
/** A grant as it is shown: names, and the id of the API. */
export const GrantShape = Strict({
  api: Type.String(),
  api_id: Id,
  scopes: Type.Array(Type.String()),
  roles: Type.Array(Type.String()),
})

export const Cursor = Text(200, { description: '`next_cursor` of the page before.' })
/** Members of every list's query, to be spread beside its filters. */
export const PAGE_QUERY = {
  limit: Type.Optional(
    Type.String({
      maxLength: 3,
      pattern: PAGE_LIMIT,
      description: 'Items per page, 1 to 100; 50 when left out.',
    }),
  ),
  cursor: Type.Optional(Cursor),
}
export const PageQuery = Strict(PAGE_QUERY)

export function PageOf<T extends TSchema>(item: T) {
  return Strict({
    items: Type.Array(item),
    next_cursor: Nullable(Type.String({ description: 'Null: this was the last page.' })),
  })
}

/** Every code that a response may carry: the two tables of core, and nothing else. */
export const PROBLEM_CODES = [...VERDICT_CODES, ...FAULT_CODES] as const

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'URI reference of the page that explains the code.' }),
    title: Type.String(),
    status: Type.Integer(),
    code: OneOf(PROBLEM_CODES),
    detail: Type.Optional(Type.String()),
    errors: Type.Optional(Type.Array(Strict({ field: Type.String(), detail: Type.String() }))),
    required: Type.Optional(
      Type.String({ description: 'For INSUFFICIENT_SCOPE: the scopes that were needed.' }),
    ),
    request_id: Type.String(),
  },
  { $id: 'Problem', additionalProperties: false, description: 'RFC 9457.' },
)

/** Headers are looked at one by one: others always come along, so these schemas leave them be. */
export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      maxLength: 255,
      pattern: VISIBLE,
      description: 'A repetition with the same key within 24 hours answers with what the first request made.',
    }),
  ),
})
export const IfMatchHeaders = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      maxLength: 255,
      pattern: VISIBLE_OR_SPACE,
      description: 'The `ETag` last seen; 412 when the resource has changed since.',
    }),
  ),
})

export type LimitJson = Static<typeof LimitShape>
export type ConditionsJson = Static<typeof ConditionsShape>
export type GrantInputJson = Static<typeof GrantInput>
