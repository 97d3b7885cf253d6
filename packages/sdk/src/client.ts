import {
  type ChangeOptions,
  clientOperations,
  type Input,
  type RepeatableOptions,
  type Result,
} from './client-operations.ts'
import { HeldKey, type KeySource } from './key-source.ts'
import { OPERATIONS, type OperationId } from './openapi.ts'
import { type Pacing, REAL_PACING } from './pacing.ts'
import { fillPath } from './path.ts'
import { parseServerUrl } from './server-url.ts'
import { type Fetch, makeTransport } from './transport.ts'

export interface ClientOptions {
  /** The server's address. */
  readonly url: string | URL
  readonly key: KeySource
  /** For one try; 30,000 when left out. */
  readonly timeoutMs?: number
  /** How often a call is repeated that may be (GET, or with an Idempotency-Key); 2 when left out. */
  readonly retries?: number
  /** Unsafe: the key goes over the network unencrypted. */
  readonly allowPlainHttp?: boolean
  readonly fetch?: Fetch
  readonly pacing?: Pacing
}

/** The administration of a Credence server. A method that fails rejects with CredenceError. */
export type Client = ReturnType<typeof clientOperations> & {
  /** Position of the last write that this client made, for `at_least` of verify; null: it made none. */
  readonly lastRevision: number | null
}

const TIMEOUT_MS = 30_000
const RETRIES = 2

/** @throws TypeError when the address is none that a key may be sent to */
export function createClient(options: ClientOptions): Client {
  const { timeoutMs = TIMEOUT_MS, retries = RETRIES, pacing = REAL_PACING, allowPlainHttp = false } = options
  const transport = makeTransport({
    ...{ timeoutMs, retries, pacing },
    url: parseServerUrl(options.url, { allowPlainHttp }),
    key: new HeldKey(options.key),
    fetch: options.fetch ?? fetch,
  })
  let lastRevision: number | null = null
  async function call<Id extends OperationId>(
    id: Id,
    input: Input<Id>,
    { signal, idempotencyKey, revision }: RepeatableOptions & ChangeOptions = {},
  ): Promise<Result<Id>> {
    const { method, path, repeatable } = OPERATIONS[id]
    const { params = {}, query = {}, body } = input as AnyInput
    const headers: Record<string, string> = {}
    if (repeatable) headers['Idempotency-Key'] = idempotencyKey ?? crypto.randomUUID()
    if (revision !== undefined) headers['If-Match'] = `"${revision}"`
    const answer = await transport({
      ...{ method, query, body, headers, signal },
      path: fillPath(path, params),
      repeatable: repeatable || method === 'GET',
    })
    const written = answer.headers.get('credence-revision')
    if (written !== null) lastRevision = Math.max(lastRevision ?? 0, Number(written))
    // What the OpenAPI document promises of this operation; its types are generated from it.
    return answer.body as Result<Id>
  }
  return {
    ...clientOperations(call),
    get lastRevision() {
      return lastRevision
    },
  }
}

/** The input of any operation: what it has is up to its types. */
interface AnyInput {
  readonly params?: Readonly<Record<string, string | number>>
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
}
