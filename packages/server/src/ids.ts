import { isBase62, type RandomBytes, randomBase62 } from '@credence/core'

/** Prefixes of ids. A credential's id is bare: it stands inside its key. */
const PREFIXES = { workspace: 'ws', api: 'api', role: 'rol', principal: 'prn', issuer: 'iss' } as const
type IdentifiedTable = keyof typeof PREFIXES

export function newId(table: IdentifiedTable, randomBytes: RandomBytes): string {
  return `${PREFIXES[table]}_${randomBase62(12, randomBytes)}`
}

/** Whether a text has the form of an id of any table. Names must not, so that a reference is never ambiguous. */
export function looksLikeId(text: string): boolean {
  const underscore = text.indexOf('_')
  if (underscore === -1) return false
  return (
    (Object.values(PREFIXES) as string[]).includes(text.slice(0, underscore)) &&
    text.length - underscore - 1 === 12 &&
    isBase62(text.slice(underscore + 1))
  )
}

/** Every workspace has the API `credence` from its start; its id follows from the workspace's. */
export function builtInApiId(workspaceId: string): string {
  return `api_${workspaceId.slice('ws_'.length)}`
}
