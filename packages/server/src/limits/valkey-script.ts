import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A Lua script as it is sent, and the digest by which the server knows it. */
export interface ValkeyScript {
  readonly text: string
  readonly sha1: string
}

/** The server's own clock decides, so that clocks of nodes may differ. */
export const SERVER_TIME =
  "local time = redis.call('TIME') local now = time[1] * 1000 + math.floor(time[2] / 1000)"

/** @param time the line that says what `now` is; tests set it */
export function readScript(name: 'lease' | 'replay', time: string): ValkeyScript {
  const text = `${time}\n${readFileSync(join(import.meta.dirname, `${name}.lua`), 'utf8')}`
  return { text, sha1: createHash('sha1').update(text).digest('hex') }
}
