import {
  clientIp,
  normalHttpUri,
  type Presenter,
  parseIp,
  parseScopeExpression,
  type RawHeaders,
} from '@credence/core'
import { type Static, Type } from 'typebox'
import type { FieldError } from '../operations/operation.ts'
import { type Reading, read, readAll, unreadable } from '../operations/reading.ts'
import { derFrom } from './certificate-text.ts'
import { MAX_COUNT, Ref, Strict, Text } from './schemas.ts'
import { toldPresenter } from './told-presenter.ts'

const HEADER_NAME = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"
const HeaderValue = Type.String({ maxLength: 16_384 })
const HeaderName = Type.String({ maxLength: 128, pattern: HEADER_NAME })
const ExpressionText = Type.String({ minLength: 1, maxLength: 1024 })

export const VerifyBody = Strict({
  api: Type.Union([Ref, Text(200)], {
    description: 'The API that was called: its name or id, or `{workspace}/{name}`.',
  }),
  credential: Type.Optional(
    Type.String({
      maxLength: 8192,
      description: 'What was presented. Left out: it is looked for in `request.headers`.',
    }),
  ),
  request: Type.Optional(
    Strict(
      {
        method: Type.Optional(Type.String({ maxLength: 32, pattern: '^[A-Z][A-Z0-9-]{0,31}$' })),
        path: Type.Optional(
          Type.String({ minLength: 1, maxLength: 16_384, description: 'With its query, as it came.' }),
        ),
        ip: Type.Optional(Text(64, { description: "The client's address." })),
        headers: Type.Optional(
          Type.Union([
            Type.Array(Type.Tuple([HeaderName, HeaderValue]), { maxItems: 200 }),
            Type.Unsafe<Record<string, string>>({
              type: 'object',
              maxProperties: 200,
              propertyNames: { type: 'string', pattern: HEADER_NAME },
              additionalProperties: { type: 'string', maxLength: 16_384 },
            }),
          ]),
        ),
        secure: Type.Optional(
          Type.Boolean({ description: 'Whether it came over TLS; false when left out.' }),
        ),
        uri: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: 8192,
            description:
              'The absolute URI that the client called, with its query, for proofs of bound credentials (RFC 9449, RFC 9421). From your configuration, never from Host or X-Forwarded-Host of the request.',
          }),
        ),
        client_certificate: Type.Optional(
          Type.String({
            maxLength: 16_384,
            description:
              "The client's certificate, of the connection: PEM, or DER in base64. A `Client-Cert` among the headers is not believed.",
          }),
        ),
        content: Type.Optional(
          Type.String({
            contentEncoding: 'base64',
            description: 'The content in base64, where a signature covers its digest (RFC 9530).',
          }),
        ),
      },
      { description: 'With method and path, the routes of the API decide what is needed.' },
    ),
  ),
  scopes: Type.Optional(
    Type.Union([ExpressionText, Type.Array(ExpressionText, { maxItems: 50 })], {
      description: 'Needed besides what the route needs: `a AND (b OR c)`. Of a list, all.',
    }),
  ),
  cost: Type.Optional(
    Type.Integer({ minimum: 0, maximum: MAX_COUNT, description: 'Taken from the limits; 0 only looks.' }),
  ),
  at_least: Type.Optional(
    Type.Union([
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
      Type.String({ maxLength: 15, pattern: '^[0-9]{1,15}$' }),
    ]),
  ),
})

/** The request that verify is asked about, as far as the caller told. */
export interface AskedRequest {
  readonly method: string | null
  /** As it came: not canonical, not checked. */
  readonly target: string | null
  readonly ip: string | null
  readonly headers: RawHeaders
  readonly secure: boolean
  /** A scope expression that has been parsed once, or null. */
  readonly scopes: string | null
  readonly cost: number | null
  /** The caller's own last write. */
  readonly atLeast: number
  /** What its proof is held against. */
  readonly presenter: Presenter
}

export function askedRequestFrom(body: Static<typeof VerifyBody>): Reading<AskedRequest> {
  const { request = {}, cost = null, at_least = 0 } = body
  const parts = readAll({
    ip: ipFrom(request.ip),
    scopes: scopesFrom(body.scopes),
    uri: uriFrom(request.uri),
    certificate: certificateFrom(request.client_certificate),
    content: contentFrom(request.content),
  })
  if (!parts.ok) return parts
  const { ip, scopes, ...told } = parts.value
  const { method = null, path = null, secure = false } = request
  const headers = rawHeadersFrom(request.headers)
  const presenter = toldPresenter({ ...told, method, headers })
  const atLeast = Number(at_least)
  return read({ ip, scopes, method, target: path, headers, secure, cost, atLeast, presenter })
}

function ipFrom(text: string | undefined): Reading<string | null> {
  if (text === undefined) return read(null)
  // In its one form, as the gateway would have it: ranges and logs know no other.
  if (parseIp(text) === null) return unreadable('request.ip', 'must be an IPv4 or IPv6 address')
  return read(clientIp(text, [], []))
}

/** One expression for all that are given. */
export function scopesFrom(scopes: string | readonly string[] | undefined): Reading<string | null> {
  if (scopes === undefined || scopes.length === 0) return read(null)
  const list = typeof scopes === 'string' ? [scopes] : scopes
  const errors: FieldError[] = []
  for (const [index, text] of list.entries()) {
    const parsed = parseScopeExpression(text)
    const field = typeof scopes === 'string' ? 'scopes' : `scopes[${index}]`
    if (!parsed.ok) errors.push({ field, detail: parsed.problem })
  }
  if (errors.length > 0) return { ok: false, errors }
  const expression = list.length === 1 ? list[0]! : list.map((text) => `(${text})`).join(' AND ')
  const whole = parseScopeExpression(expression)
  return whole.ok ? read(expression) : unreadable('scopes', whole.problem)
}

function uriFrom(text: string | undefined): Reading<string | null> {
  if (text === undefined) return read(null)
  return normalHttpUri(text) === null
    ? unreadable('request.uri', 'must be an absolute http or https URI without user information')
    : read(text)
}

function certificateFrom(text: string | undefined): Reading<Uint8Array | null> {
  if (text === undefined) return read(null)
  const der = derFrom(text)
  return der === null
    ? unreadable('request.client_certificate', 'must be one X.509 certificate, PEM or DER in base64')
    : read(der)
}

function contentFrom(text: string | undefined): Reading<Uint8Array | null> {
  if (text === undefined) return read(null)
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text
    ? read(bytes)
    : unreadable('request.content', 'must be base64, with its padding')
}

/** As Node has them: name, value, name, value, in their order and with repetitions. */
function rawHeadersFrom(
  headers: Readonly<Record<string, string>> | readonly (readonly [string, string])[] | undefined,
): RawHeaders {
  if (headers === undefined) return []
  return Array.isArray(headers) ? headers.flat() : Object.entries(headers).flat()
}
