import type { HttpAnswer } from '@credence/core'
import type { FastifyReply } from 'fastify'

/**
 * Sends an answer that is a value already. As bytes: to a text Fastify adds a charset, which JSON types do not have
 * (RFC 8259 section 11).
 */
export function send(reply: FastifyReply, answer: HttpAnswer): FastifyReply {
  return reply.code(answer.status).headers(answer.headers).send(Buffer.from(answer.body))
}
