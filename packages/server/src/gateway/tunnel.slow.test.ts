import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closed, readUntil, settled } from '../testing/gateway-fixture.ts'
import { openSocket, startTunnels, writeFrame } from '../testing/websocket-fixture.ts'

test('a tunnel holds back a sender whose other side does not read', async () => {
  const { port, key, echo, close } = await startTunnels()
  const socket = await openSocket(port, key)
  echo.sockets[0]!.removeAllListeners('data')
  echo.sockets[0]!.pause()
  const block = Buffer.alloc(65_536)
  let sent = 0
  const send = () => {
    while (sent < 100 * 1_048_576) {
      sent += block.length
      if (!socket.write(block)) {
        socket.once('drain', send)
        return
      }
    }
  }
  send()
  assert.ok((await settled(() => sent)) < 30 * 1_048_576, `${sent} bytes taken in ahead`)
  socket.destroy()
  await close()
})

test('a tunnel may be silent for long; a caller that does not take what comes through it is cut off', async () => {
  const { port, key, echo, close } = await startTunnels({ gatewayStallSeconds: 1 })
  const [silent, full] = [await openSocket(port, key), await openSocket(port, key)]
  silent.resume()
  full.pause()
  const block = Buffer.alloc(65_536)
  const flood = () => {
    while (echo.sockets[1]!.write(block));
  }
  echo.sockets[1]!.on('drain', flood)
  const upstreamEnded = closed(echo.sockets[1]!)
  flood()
  await upstreamEnded
  full.destroy()
  for (let windows = 0; windows < 3; windows += 1) await new Promise((resolve) => setTimeout(resolve, 1000))
  silent.write(writeFrame(Buffer.from('still here'), true))
  await readUntil(silent, 'still here')
  silent.destroy()
  await close()
})
