/** A proxy of @fastify/reply-from, as its README has it: forwards to UPSTREAM and decides nothing. */
import replyFrom from '@fastify/reply-from'
import fastify from 'fastify'

const app = fastify({ logger: false })
app.register(replyFrom, { base: process.env.UPSTREAM })
app.all('/*', (request, reply) => reply.from(request.url))
await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) })
