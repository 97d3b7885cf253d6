import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import { type IdempotentRequest, idempotentRequest, keyedBody } from '../operations/idempotency.ts'
import { invalid, type Outcome } from '../operations/operation.ts'
import type { Reading } from '../operations/reading.ts'
import type { Expected } from '../operations/rows.ts'
import { operationAnswer } from './operation-answer.ts'
import { send } from './send.ts'

/** A resource as it is shown. */
export interface Rendered {
  /** 200 when left out, or 204 where there is no body. */
  readonly status?: 200 | 201
  readonly body?: unknown
  /** Of the row that is shown, for the ETag. */
  readonly revision?: number
}

/** Sends what an operation came to: the resource with its ETag and the position of the write, or the problem. */
export async function respond<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  outcome: Outcome<T>,
  render: (value: T) => Rendered | Promise<Rendered>,
): Promise<FastifyReply> {
  if (!outcome.ok) return send(reply, operationAnswer(outcome.problem, request.id))
  const { status, body, revision } = await render(outcome.value)
  if (outcome.position !== null) reply.header('credence-revision', String(outcome.position))
  if (revision !== undefined) reply.header('etag', `"${revision}"`)
  return body === undefined ? reply.code(204).send() : reply.code(status ?? 200).send(body)
}

/** Sends 422 with every field that could not be read. */
export function refuseReading(
  request: FastifyRequest,
  reply: FastifyReply,
  { errors }: Extract<Reading<never>, { ok: false }>,
): FastifyReply {
  return send(reply, operationAnswer(invalid(...errors).problem, request.id))
}

/**
 * The request as its Idempotency-Key makes it unique; null: it has none.
 * @param body what stands for the one that came, where that must not be told from its digest
 */
export function idempotentOf(
  request: FastifyRequest,
  body: Uint8Array = request.rawBody,
): IdempotentRequest | null {
  const key = request.headers['idempotency-key']
  if (typeof key !== 'string') return null
  return idempotentRequest(request.actor, key, request.method, request.url, body)
}

/** What stands for the body of a request, where it may hold a password. */
export function comparableBody(
  { sealingKeys }: Pick<Context, 'sealingKeys'>,
  { rawBody }: FastifyRequest,
  password: string | null,
): Uint8Array {
  return password === null ? rawBody : keyedBody(rawBody, sealingKeys)
}

/** The revisions in If-Match (RFC 9110 section 13.1.1); null: none, or `*`. A weak tag matches nothing. */
export function expectedOf(request: FastifyRequest): Expected {
  const header = request.headers['if-match']
  if (header === undefined || header.trim() === '*') return null
  const tags = header.split(',').map((tag) => /^"([1-9]\d{0,15})"$/.exec(tag.trim())?.[1])
  return tags.filter((tag) => tag !== undefined).map(Number)
}
