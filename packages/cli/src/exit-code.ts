/** What the process ends with. Scripts rely on these numbers: they never change their meaning. */
export const EXIT = {
  ok: 0,
  refused: 1,
  usage: 2,
  notAuthorized: 3,
  notFound: 4,
  conflict: 5,
  unavailable: 6,
  rateLimited: 7,
  fault: 70,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** The table that `--help` and the reference print. */
export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, 'done'],
  [EXIT.refused, 'refused: verify denied the credential, or the server refused the request as it stands'],
  [EXIT.usage, 'the command line is not right'],
  [EXIT.notAuthorized, 'no key, or the key may not do this (401, 403)'],
  [EXIT.notFound, 'there is no such thing (404)'],
  [EXIT.conflict, 'in conflict with what is there, or a value is not acceptable (409, 412, 422)'],
  [EXIT.unavailable, 'the server cannot be reached or cannot answer now (5xx)'],
  [EXIT.rateLimited, 'too many requests for now (429)'],
  [EXIT.fault, 'a fault of the command itself'],
]

/** The exit code that stands for an HTTP status of the server. */
export function exitCodeForStatus(status: number): ExitCode {
  if (status < 300) return EXIT.ok
  if (status === 401 || status === 403) return EXIT.notAuthorized
  if (status === 404) return EXIT.notFound
  if (status === 409 || status === 412 || status === 422) return EXIT.conflict
  if (status === 429) return EXIT.rateLimited
  if (status >= 500) return EXIT.unavailable
  return EXIT.refused
}
