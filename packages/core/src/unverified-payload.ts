/** What a string of the form of a JWS says, to tell whose it calls itself: nothing of it is verified, nor its base64url. */
export function unverifiedPayload(token: string): Buffer {
  const start = token.indexOf('.') + 1
  return Buffer.from(token.slice(start, token.indexOf('.', start)), 'base64url')
}
