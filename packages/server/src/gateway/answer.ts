import type { IncomingMessage, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { HttpAnswer } from '@credence/core'
import { DRAIN_BYTES, drainBoundedly } from './request-body.ts'

export interface Sending {
  /** Bytes of body on their way that nobody will read; Infinity: chunked, so not known. */
  readonly unreadBytes: number
  /** Whether the connection ends with this answer. */
  readonly closes: boolean
  /** Whether the caller waits for 100 Continue before it sends the body. */
  readonly expects: boolean
}

/**
 * Sends an answer of our own. It does not wait for a body that is still on its way: a short one is drained
 * behind it, and before a long one the caller is told that the connection ends.
 */
export function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: HttpAnswer,
  { unreadBytes, closes, expects }: Sending,
): void {
  const headers: string[] = ['Content-Length', String(Buffer.byteLength(answer.body))]
  for (const name in answer.headers) headers.push(name, answer.headers[name]!)
  // Whether an expecting caller sends its body after all is its own choice: what follows could not be told apart.
  const isLong = unreadBytes > DRAIN_BYTES
  if (closes || expects || isLong) headers.push('Connection', 'close')
  response.writeHead(answer.status, headers)
  if (closes || expects || !isLong) {
    response.end(answer.body)
    if (unreadBytes > 0 && !closes && !expects) drainBoundedly(request)
    return
  }
  // Whole by its Content-Length; the end, which closes the connection, comes when the body has been read.
  response.write(answer.body)
  drainBoundedly(request, () => response.end())
}

/** An answer as bytes, for a connection that node:http has no response for. */
export function answerBytes(answer: HttpAnswer): string {
  let head = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? 'Error'}\r\n`
  for (const name in answer.headers) head += `${name}: ${answer.headers[name]}\r\n`
  return `${head}content-length: ${Buffer.byteLength(answer.body)}\r\nconnection: close\r\n\r\n${answer.body}`
}
