import type { RunningServer } from '../running-server.ts'

/** What the tests know of one credential: every claim below was acknowledged by the server. */
export interface KnownCredential {
  readonly id: string
  readonly tag: string
  /** Every secret that was handed out, and the verdict that it must have. */
  readonly secrets: Map<string, SecretVerdict>
  /** null: a rotation whose answer was lost went through, so nobody has the newest secret. */
  current: string | null
  /** Versions of its secret, ended ones as well. */
  versions: number
  isRevoked: boolean
}

/** The verdicts that this history can lead to. */
export type SecretVerdict = 'VALID' | 'EXPIRED' | 'REVOKED'

/** Asks for the verdict on one secret. */
export type Ask = (secret: string) => Promise<string>

export interface IssuedBody {
  readonly credential: {
    readonly id: string
    readonly status: string
    readonly versions: readonly { readonly version: number; readonly status: string }[]
  }
  readonly secret: string | null
  readonly secret_shown: boolean
}

/** Takes a newly issued credential into the history. */
export function created(tag: string, { credential, secret }: IssuedBody): KnownCredential {
  const secrets = new Map<string, SecretVerdict>()
  if (secret !== null) secrets.set(secret, 'VALID')
  return { id: credential.id, tag, secrets, current: secret, versions: 1, isRevoked: false }
}

/** @param secret null where the rotation happened and its answer was lost */
export function rotated(known: KnownCredential, overlapSeconds: number, secret: string | null): void {
  // Without an overlap all secrets before end now; with one, the versions before keep their ends but the newest's.
  if (overlapSeconds === 0) for (const earlier of known.secrets.keys()) known.secrets.set(earlier, 'EXPIRED')
  if (secret !== null) known.secrets.set(secret, 'VALID')
  known.current = secret
  known.versions++
}

export function revoked(known: KnownCredential): void {
  known.isRevoked = true
  for (const secret of known.secrets.keys()) known.secrets.set(secret, 'REVOKED')
}

/** Every claim of a history that does not hold, without the secrets themselves. */
export async function brokenClaims(history: Iterable<KnownCredential>, ask: Ask): Promise<string[]> {
  const broken: string[] = []
  for (const { id, secrets } of history) {
    for (const [place, [secret, claimed]] of [...secrets].entries()) {
      const verdict = await ask(secret)
      if (verdict !== claimed) broken.push(`secret ${place + 1} of ${id} is ${verdict}, but was ${claimed}`)
    }
  }
  return broken
}

/** The verdicts of a running server. */
export function asking(server: RunningServer, api: string): Ask {
  return async (credential) => {
    const answer = await server.request<{ code: string }>('POST', '/v1/verify', { credential, api })
    return answer.body.code
  }
}
