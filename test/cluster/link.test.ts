import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { Link, NotificationFilter } from './link.ts'

function message(type: string, body: string): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, Buffer.from(body)])
}

test('notifications are left out, and nothing else, however the bytes are cut', () => {
  const sent = [
    message('Z', 'I'),
    message('A', 'channel'),
    message('D', 'row'),
    message('A', ''),
    message('C', ''),
  ]
  const all = Buffer.concat(sent)
  const wanted = Buffer.concat([sent[0]!, sent[2]!, sent[4]!])
  for (let size = 1; size <= all.length; size++) {
    const filter = new NotificationFilter()
    const passed: Buffer[] = []
    for (let at = 0; at < all.length; at += size) passed.push(filter.pass(all.subarray(at, at + size), true))
    assert.deepEqual(Buffer.concat(passed), wanted)
  }
  assert.deepEqual(new NotificationFilter().pass(all, false), all)
})

/** A server that sends back, as messages of type D, what it gets. */
async function echoing(t: { after(end: () => unknown): void }) {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => socket.write(message('D', bytes.toString())))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const link = await Link.to((server.address() as AddressInfo).port)
  t.after(async () => {
    await link.close()
    server.close()
  })
  return link
}

async function connected(link: Link): Promise<Socket> {
  const socket = connect(link.port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

test('a link carries, holds back while it does not carry, and is late as told', async (t) => {
  const link = await echoing(t)
  const socket = await connected(link)
  const heard: string[] = []
  socket.on('data', (bytes) => heard.push(bytes.toString('utf8', 5)))
  const until = async (count: number) => {
    while (heard.length < count) await once(socket, 'data')
  }
  socket.write('one')
  await until(1)
  link.set({ carries: false })
  socket.write('two')
  await new Promise((resolve) => setTimeout(resolve, 30))
  assert.deepEqual(heard, ['one'])
  link.set({ carries: true })
  await until(2)
  link.set({ delayMs: 30 })
  const startMs = performance.now()
  socket.write('three')
  await until(3)
  assert.ok(performance.now() - startMs >= 55)
  assert.deepEqual(heard, ['one', 'two', 'three'])
})

test('a link that is down ends what is open and refuses what is new, until it is up again', async (t) => {
  const link = await echoing(t)
  const socket = await connected(link)
  const closed = once(socket, 'close')
  link.set({ up: false })
  await closed
  const refused = await connected(link)
  if (!refused.destroyed) await once(refused, 'close')
  link.set({ up: true })
  const again = await connected(link)
  again.write('back')
  const [bytes] = await once(again, 'data')
  assert.equal(bytes.toString('utf8', 5), 'back')
  again.destroy()
})
