export const REDACTED = '[redacted]'

/**
 * What follows an underscore in a key: the public id, which stays, and the rest, of which even a piece is too
 * much. Keys that were cut or mistyped are as secret as whole ones, so no checksum is asked for.
 */
const KEY = /(?<=[A-Za-z0-9]_)([0-9A-Za-z]{12})[0-9A-Za-z]{8,}/g
/** Credentials as in an Authorization header, wherever they stand; `%20` and `+` are a space in a URL. */
const AUTHORIZATION = /\b(bearer|basic|dpop)((?: |%20|\+)+)[A-Za-z0-9._~+/=-]+/gi
/** A JWT: its header begins with the bytes of `{"`. Only where no part of it stands before, so it stays linear. */
const JWT = /(?<![\w-])eyJ[\w-]*\.[\w-]*\.[\w-]*/g
/** User and password in a URL. */
const USER_INFO = /:\/\/[^\s/@"\\]+@/g

/**
 * The last line of defence: a text with everything that looks like a secret replaced. Of a key the prefix and
 * the public id stay, so that the line still says whose it was. Linear in the length of the text.
 */
export function redactSecrets(text: string): string {
  return (
    text
      // First: a part of a JWT may look like a key, and what is left around that no longer like a JWT.
      .replace(JWT, REDACTED)
      .replace(KEY, `$1${REDACTED}`)
      .replace(AUTHORIZATION, `$1$2${REDACTED}`)
      .replace(USER_INFO, `://${REDACTED}@`)
  )
}
