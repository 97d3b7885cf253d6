import type { FastifyReply } from 'fastify'
import type { HttpAnswer } from './problem.ts'

/** Sends an answer that is a value already. */
export function send(reply: FastifyReply, answer: HttpAnswer): FastifyReply {
  return reply.code(answer.status).headers(answer.headers).send(answer.body)
}
