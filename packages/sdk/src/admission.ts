import {
  challengeFor,
  type HttpAnswer,
  limitHeaders,
  type RawHeaders,
  refusalAnswer,
  VERDICTS,
} from '@credence/core/portable'
import { type Caller, callerFrom } from './caller.ts'
import { CredenceError } from './credence-error.ts'
import type { GuardedRequest } from './guarded-request.ts'
import type { Operations, Verdict } from './openapi.ts'
import type { Transport } from './transport.ts'

/** What a request must bring. */
export interface Demand {
  /** A scope expression; null: any credential of the API, and what its routes say. */
  readonly scopes: string | null
  /** What it takes from the limits; null: what the route says, else 1. */
  readonly cost: number | null
}

export interface Admitted {
  readonly type: 'admitted'
  /** Null: a route of the API lets everybody pass. Never so where scopes are demanded. */
  readonly caller: Caller | null
  /** For the answer: what is left of the limits, and the request's id. */
  readonly headers: Readonly<Record<string, string>>
}

/** Who is calling, as handlers get it: where scopes are demanded there is always somebody. */
export type CallerFor<S> = null extends S ? Caller | null : Caller

export interface Refused {
  readonly type: 'refused'
  readonly answer: HttpAnswer
}

export type Ruling = Admitted | Refused

export interface AdmissionOptions {
  readonly api: string
  /** How clients reach this server, without a slash at its end; null: not known. */
  readonly publicUrl: string | null
  readonly transport: Transport
  /** Told of what keeps the guard from asking: the address, the key, its scopes. Once for each, until it works again. */
  readonly onFault: (fault: CredenceError) => void
}

/** Asks the server about each request. Whatever goes wrong is a refusal. */
export class Admission {
  readonly #options: AdmissionOptions
  /** Messages of faults that were told and have not gone away. */
  readonly #told = new Set<string>()

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  /** Rejects only with what `onFault` throws. */
  async admit(request: GuardedRequest, demand: Demand): Promise<Ruling> {
    const { api } = this.#options
    if (!isAskable(request)) return this.#refuse('BAD_REQUEST')
    try {
      const verdict = await this.#ask(request, demand)
      this.#told.clear()
      if (!verdict.valid) return refusedBy(verdict, api)
      const caller = callerFrom(verdict)
      // The server sees to that; an older one lets everybody pass where the route does.
      if (caller === null && demand.scopes !== null) return this.#refuse('MISSING')
      return { type: 'admitted', caller, headers: headersOf(verdict) }
    } catch (error) {
      this.#tell(error instanceof CredenceError ? error : unexpected(error))
      return this.#refuse('UNAVAILABLE')
    }
  }

  #tell(fault: CredenceError): void {
    const reason = `${fault.code} ${fault.detail}`
    if (this.#told.has(reason) || this.#told.size >= MAX_TOLD) return
    this.#told.add(reason)
    this.#options.onFault(fault)
  }

  async #ask(request: GuardedRequest, { scopes, cost }: Demand): Promise<Verdict> {
    const { api, publicUrl, transport } = this.#options
    const { method, target, headers, ip, secure, certificate } = request
    const uri = publicUrl === null || !target.startsWith('/') ? '' : publicUrl + target
    const body: Operations['verify']['body'] = {
      api,
      request: {
        ...{ method, path: target, headers: linesOf(headers), secure },
        ...(ip !== null && { ip }),
        ...(uri !== '' && uri.length <= MAX_URI_LENGTH && { uri }),
        ...(certificate !== null && { client_certificate: certificate }),
      },
      ...(scopes !== null && { scopes }),
      ...(cost !== null && { cost }),
    }
    // Sent once: it takes from limits.
    const answer = await transport({ method: 'POST', path: '/v1/verify', body, repeatable: false })
    if (isVerdict(answer.body)) return answer.body
    const detail = 'the answer is no verdict; is something else in front of it?'
    throw new CredenceError({
      code: 'NOT_CREDENCE',
      title: 'Not an answer of Credence',
      detail,
      status: null,
    })
  }

  /** Where the server was not asked, or did not say. */
  #refuse(code: 'BAD_REQUEST' | 'MISSING' | 'UNAVAILABLE'): Refused {
    const { status, title } = VERDICTS[code]
    const challenge = challengeFor(code, this.#options.api)
    const retryAfterSeconds = code === 'UNAVAILABLE' ? 1 : null
    const rest = { required: null, limits: [], requestId: null }
    return {
      type: 'refused',
      answer: refusalAnswer({ ...rest, status, title, code, challenge, retryAfterSeconds }),
    }
  }
}

const MAX_TOLD = 20
/** What `POST /v1/verify` takes. Longer requests come past no server's limits; here they end as what they are. */
const MAX_LINES = 200
const MAX_NAME_LENGTH = 128
const MAX_TEXT_LENGTH = 16_384
const MAX_URI_LENGTH = 8192
const METHOD = /^[A-Z][A-Z0-9-]{0,31}$/
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

function isAskable({ method, target, headers }: GuardedRequest): boolean {
  const lines = linesOf(headers)
  return (
    METHOD.test(method) &&
    target !== '' &&
    target.length <= MAX_TEXT_LENGTH &&
    lines.length <= MAX_LINES &&
    lines.every(
      ([name, value]) =>
        name.length <= MAX_NAME_LENGTH && HEADER_NAME.test(name) && value.length <= MAX_TEXT_LENGTH,
    )
  )
}

/** Without cookies, which are nobody's business, and what HTTP/2 calls pseudo-headers. */
function linesOf(headers: RawHeaders): [name: string, value: string][] {
  const lines: [string, string][] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]!
    if (!name.startsWith(':') && name.toLowerCase() !== 'cookie') lines.push([name, headers[i + 1]!])
  }
  return lines
}

/** Only what says plainly that it is one: an open answer of something else must open nothing. */
function isVerdict(body: unknown): body is Verdict {
  if (typeof body !== 'object' || body === null) return false
  const { valid, code, principal, credential, limits, request_id } = body as Partial<Verdict>
  return (
    typeof valid === 'boolean' &&
    valid === (code === 'VALID') &&
    typeof code === 'string' &&
    principal !== undefined &&
    credential !== undefined &&
    Array.isArray(limits) &&
    typeof request_id === 'string'
  )
}

function refusedBy(verdict: Verdict, api: string): Refused {
  const { code, required, request_id, retry_after_seconds } = verdict
  // A newer server may know codes that this table does not; its status counts then, if it is a refusal.
  const row = Object.hasOwn(VERDICTS, code) ? VERDICTS[code] : null
  const isRefusal = verdict.status >= 400 && verdict.status <= 599
  const status = row?.status ?? (isRefusal ? verdict.status : VERDICTS.UNAVAILABLE.status)
  const answer = refusalAnswer({
    ...{ status, code, title: row?.title ?? 'Refused' },
    challenge: verdict.challenge ?? (status === 401 ? challengeFor('MISSING', api) : null),
    required: code === 'INSUFFICIENT_SCOPE' ? required : null,
    limits: limitFactsOf(verdict),
    retryAfterSeconds: retry_after_seconds,
    requestId: request_id,
  })
  return { type: 'refused', answer: { ...answer, headers: { ...answer.headers, ...nonceOf(verdict) } } }
}

function headersOf(verdict: Verdict): Record<string, string> {
  return {
    'credence-request-id': verdict.request_id,
    ...limitHeaders(limitFactsOf(verdict), null),
    ...nonceOf(verdict),
  }
}

/** RFC 9449 section 8.2: whether or not the request passes. */
function nonceOf({ dpop_nonce: nonce }: Verdict): Record<string, string> {
  return typeof nonce === 'string' ? { 'dpop-nonce': nonce } : {}
}

function limitFactsOf({ limits }: Verdict) {
  return limits.map(({ name, limit, remaining, reset_seconds, window_seconds }) => ({
    ...{ name, limit, remaining, resetSeconds: reset_seconds, windowSeconds: window_seconds },
  }))
}

function unexpected(cause: unknown): CredenceError {
  const detail = cause instanceof Error ? cause.message : 'something was thrown'
  return new CredenceError({ code: 'NOT_CREDENCE', title: 'The guard failed', detail, status: null, cause })
}
