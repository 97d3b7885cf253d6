/**
 * Whether a connection failed below HTTP: no handshake in time, no TLS at all. An answer would wait for a handshake
 * that does not come, and hold the connection.
 */
export function isOfTls(error: NodeJS.ErrnoException): boolean {
  return /^ERR_(?:TLS|SSL)_/.test(error.code ?? '')
}
