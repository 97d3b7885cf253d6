import type { Decision } from '@credence/core'

/** Where a decision was asked for. `token`: by whoever asks for a token. `admin` is administration deciding about its own callers. */
export const DECISION_VIAS = ['gateway', 'forward-auth', 'verify', 'token', 'admin'] as const
export type DecisionVia = (typeof DECISION_VIAS)[number]

/** A decision and what an operator finds it by. Holds references to records and scalars; never what was presented. */
export interface DecisionEntry {
  readonly requestId: string
  /** The workspace whose operator may see it. */
  readonly workspaceId: string
  readonly atMs: number
  readonly durationMs: number
  readonly via: DecisionVia
  readonly method: string | null
  /** Without the query: that may hold a credential. */
  readonly path: string | null
  readonly ip: string | null
  readonly decision: Decision
}
