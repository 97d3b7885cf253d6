/**
 * What can go wrong apart from verdicts: requests to administration, and the gateway's upstream. Together with
 * verdict.ts this is the one table of everything Credence answers with a status of 400 or more.
 */
interface FaultRow {
  readonly status: number
  /** The problem's title (RFC 9457). */
  readonly title: string
  readonly meaning: string
}

export const FAULTS = {
  INVALID_JSON: {
    status: 400,
    title: 'Body is not proper JSON',
    meaning: 'The body is not UTF-8 JSON, names a member twice, nests too deep, or uses a reserved name.',
  },
  INVALID_REQUEST: {
    status: 400,
    title: 'Request is not well formed',
    meaning: 'The request line, a header or a path parameter cannot be read.',
  },
  RESOURCE_NOT_FOUND: {
    status: 404,
    title: 'Not found',
    meaning: 'Nothing of this workspace has this id or name, or the path does not exist.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'Method not allowed',
    meaning: 'The path exists, but not with this method.',
  },
  CONFLICT: {
    status: 409,
    title: 'Conflict',
    meaning: 'A name or mount is taken, the row is in use, or somebody else changed it in between.',
  },
  PRECONDITION_FAILED: {
    status: 412,
    title: 'Changed since you read it',
    meaning: 'If-Match names another revision than the current one.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    title: 'Body too large',
    meaning: 'The body is larger than the setting allows.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'Unsupported media type',
    meaning: 'Administration takes application/json only.',
  },
  VALIDATION_FAILED: {
    status: 422,
    title: 'Some fields are not valid',
    meaning: 'The member `errors` lists every field at fault and what is allowed.',
  },
  IDEMPOTENCY_MISMATCH: {
    status: 422,
    title: 'Idempotency key used for another request',
    meaning: 'The same Idempotency-Key came before with another path or body.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    title: 'Headers too large',
    meaning: 'The request head is larger than the setting allows.',
  },
  INTERNAL: {
    status: 500,
    title: 'Internal error',
    meaning: 'A fault of Credence. The log has the details under the request id.',
  },
  NO_UPSTREAM: {
    status: 404,
    title: 'No API here',
    meaning: 'The gateway has no API mounted at this host and path.',
  },
  UPSTREAM_UNREACHABLE: {
    status: 502,
    title: 'Upstream unreachable',
    meaning: 'The upstream refused the connection, closed it, or answered with something that is not HTTP.',
  },
  UPSTREAM_TIMEOUT: {
    status: 504,
    title: 'Upstream too slow',
    meaning: 'The upstream did not answer within the setting.',
  },
} as const satisfies Record<string, FaultRow>

export type FaultCode = keyof typeof FAULTS
export const FAULT_CODES = Object.keys(FAULTS) as FaultCode[]
