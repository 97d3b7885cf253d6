import type { IncomingMessage } from 'node:http'
import type { canonicalTarget } from '@credence/core'
import type { Client, Peer } from '../doors/peer.ts'
import type { Framing } from './request-framing.ts'

/** A request whose head can be read in one way only. */
export interface Checked {
  readonly type: 'checked'
  readonly request: IncomingMessage
  readonly requestId: string
  readonly peer: Peer
  readonly client: Client
  readonly framing: Extract<Framing, { ok: true }>
  readonly target: Extract<ReturnType<typeof canonicalTarget>, { ok: true }>
  /** Lets a caller that waits for 100 Continue send its content; once. */
  readonly askForContent: () => void
}
