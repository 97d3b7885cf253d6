/** A proxy of node:http with an agent that keeps connections: forwards to UPSTREAM and decides nothing. */
import { Agent, createServer, request } from 'node:http'

const { hostname, port } = new URL(process.env.UPSTREAM)
const agent = new Agent({ keepAlive: true, maxSockets: 64 })
const server = createServer((incoming, answer) => {
  const { method, url, headers } = incoming
  const outgoing = request({ agent, hostname, port, method, path: url, headers }, (response) => {
    answer.writeHead(response.statusCode, response.headers)
    response.pipe(answer)
  })
  outgoing.on('error', () => {
    answer.writeHead(502).end()
  })
  incoming.pipe(outgoing)
})
server.listen(Number(process.argv[2]), '127.0.0.1')
