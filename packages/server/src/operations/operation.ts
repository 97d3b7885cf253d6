import type { FaultCode, TableName } from '@credence/core'
import type { Conflict } from '../store/port.ts'

/** Who asks for an operation: the credential presented to administration, or the host itself. */
export interface Actor {
  readonly workspaceId: string
  /** Null: the host (first start, recovery). */
  readonly credentialId: string | null
  /** Version of the secret that was presented; absent: the host. */
  readonly credentialVersion?: number
  readonly principalId: string | null
  /** What the actor may do on the API `credence`; patterns. Of whoever asks for a token: nothing. */
  readonly scopes: readonly string[]
  /** Nothing that the actor issues for the API `credence` may outlive or escape what binds the actor itself. */
  readonly expiresAtMs: number | null
  readonly hasConditions: boolean
  readonly requestId: string | null
  readonly ip: string | null
}

/** A field at fault, by its path in the request: `routes[0].path`. */
export interface FieldError {
  readonly field: string
  readonly detail: string
}

export interface OperationProblem {
  /** `INSUFFICIENT_SCOPE` is the one verdict that an operation itself can come to. */
  readonly code: FaultCode | 'INSUFFICIENT_SCOPE'
  readonly detail: string
  readonly errors?: readonly FieldError[]
  /** For INSUFFICIENT_SCOPE: what was needed. */
  readonly required?: string
  /** Why the store refused the write, for whoever tries the operation again. */
  readonly conflict?: Conflict
}

/** What an operation came to. Refusals are values; what is thrown is a fault. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T; readonly position: number | null; readonly replayed: boolean }
  | { readonly ok: false; readonly problem: OperationProblem }

export function done<T>(value: T, position: number | null = null, replayed = false): Outcome<T> {
  return { ok: true, value, position, replayed }
}

export function failed(problem: OperationProblem): {
  readonly ok: false
  readonly problem: OperationProblem
} {
  return { ok: false, problem }
}

export function invalid(...errors: FieldError[]): { readonly ok: false; readonly problem: OperationProblem } {
  const detail = errors.map((error) => `${error.field}: ${error.detail}`).join('; ')
  return failed({ code: 'VALIDATION_FAILED', detail, errors })
}

export function notFound(table: TableName, reference: string): ReturnType<typeof failed> {
  return failed({
    code: 'RESOURCE_NOT_FOUND',
    detail: `no ${table} ${JSON.stringify(reference.slice(0, 80))}`,
  })
}

/** An access token is as it was issued: whoever wants another one asks for it with the credential that it came from. */
export function lastingOnly(done: 'rotated' | 'changed'): ReturnType<typeof failed> {
  const detail = `an access token is not ${done}: ask for another one at POST /v1/tokens`
  return failed({ code: 'CONFLICT', detail })
}

/** The answer to a write that the store refused. */
export function conflicted(conflict: Conflict): ReturnType<typeof failed> {
  return failed({ ...conflictProblem(conflict), conflict })
}

function conflictProblem(conflict: Conflict): OperationProblem {
  switch (conflict.type) {
    case 'revision':
      return {
        code: 'CONFLICT',
        detail: `${conflict.table} ${conflict.id} was changed in between; read it again`,
      }
    case 'taken': {
      const field = conflict.field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
      return {
        code: 'CONFLICT',
        detail: `this ${field} is taken by another ${conflict.table}`,
        errors: [{ field, detail: 'is taken' }],
      }
    }
    case 'in_use':
      return { code: 'CONFLICT', detail: `${conflict.table} ${conflict.id} is still in use` }
    case 'idempotency':
      return {
        code: 'CONFLICT',
        detail: 'a request with this Idempotency-Key is under way; try again',
      }
    case 'setting':
      return { code: 'CONFLICT', detail: `setting ${conflict.name} was made in between` }
  }
}
