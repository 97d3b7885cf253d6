/** Fastify that replies a constant, with the headers in HEADERS (JSON): what forward-auth costs without a verdict. */
import fastify from 'fastify'

const headers = JSON.parse(process.env.HEADERS ?? '{}')
const app = fastify({ logger: false })
app.get('/', (_request, reply) => reply.send(''))
app.get('/v1/authorize/orders', (_request, reply) => reply.headers(headers).send())
await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) })
