import { clientIdOf, presentsClient, readBasicCredentials } from '../basic-credentials.ts'
import { keyKindOf } from '../key.ts'
import type { Kind, ProofContext, ProofResult } from './kind.ts'
import { proveSealedSecret } from './sealed-secret.ts'

/**
 * Client id and client secret, by HTTP Basic as RFC 6749 section 2.3.1 has it. The secret has the format of key.ts, so
 * it is found by its own id, and a leaked one by its form; it counts only beside the client id of its principal.
 */
export const clientSecretKind: Kind = {
  kind: 'client_secret',
  recognizes: ({ scheme, value }) => scheme === 'basic' && presentsClient(value),
  prove: async ({ value }, context) => {
    const read = readBasicCredentials(value)
    if (!read.ok) return malformed(read.problem)
    const { credentials } = read
    if (credentials.type !== 'client_secret') return malformed('the client id is not one')
    return proveClientSecret(credentials.clientId, credentials.clientSecret, context)
  },
}

/** An unknown client, a wrong secret and the secret of another client are refused alike, at the same moment. */
export async function proveClientSecret(
  clientId: string,
  clientSecret: string,
  context: ProofContext,
): Promise<ProofResult> {
  // An API key is no client secret, though it be the same principal's.
  if (keyKindOf(clientSecret) !== 'client_secret') {
    return malformed('the client secret does not have the form of one: prefix_cs_…')
  }
  return proveSealedSecret(
    'client_secret',
    clientSecret,
    context,
    ({ principalId }) => clientIdOf(principalId) === clientId,
  )
}

function malformed(problem: string): ProofResult {
  return { type: 'refused', code: 'MALFORMED', detail: `client credentials: ${problem}` }
}
