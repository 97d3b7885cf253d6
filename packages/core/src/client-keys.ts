/** Which credentials of kind `client_key` there are. It answers with ids: whoever asks believes the record alone. */
export interface ClientKeys {
  /** The one that has this thumbprint, as the store says now; null: nobody has it. Throws when the store cannot be asked. */
  idOf(workspaceId: string, thumbprint: string): Promise<string | null>
  /** The one that had it when that was last asked, at once; null: not known. */
  knownIdOf(workspaceId: string, thumbprint: string): string | null
  /** The newest of a principal, a few more than may be tried, as the store says now. Throws when it cannot be asked. */
  idsOf(workspaceId: string, principalId: string): Promise<readonly string[]>
  /** Those it had when that was last asked, at once. */
  knownIdsOf(workspaceId: string, principalId: string): readonly string[]
}

/** Nobody has one. */
export const NO_CLIENT_KEYS: ClientKeys = {
  idOf: async () => null,
  knownIdOf: () => null,
  idsOf: async () => [],
  knownIdsOf: () => [],
}
