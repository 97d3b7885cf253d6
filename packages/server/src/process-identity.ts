import { hostname } from 'node:os'
import type { RandomBytes } from '@credence/core'
import type { Config } from './config.ts'

/** Which process of the installation this is; see SignOfLife in store/port.ts. */
export interface ProcessIdentity {
  readonly nodeId: string
  readonly node: string
  /** 0: the node is this one process. */
  readonly worker: number
}

/** Drawn at the start of a node, and shared by its workers. */
export function newNodeId(randomBytes: RandomBytes): string {
  return Buffer.from(randomBytes(9)).toString('base64url')
}

export function identityOf({ nodeName }: Config, nodeId: string, worker: number): ProcessIdentity {
  return { nodeId, node: nodeName ?? hostname(), worker }
}
