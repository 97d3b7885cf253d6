import { PASSWORD_LENGTH, preparePassword } from './password-rules.ts'
import type { CredentialKind } from './records.ts'

/** What `Authorization: Basic` carries: the credentials of a user (RFC 7617) or of a client (RFC 6749 section 2.3.1). */
export type BasicCredentials =
  | { readonly type: 'basic'; readonly username: string; readonly password: string }
  | { readonly type: 'client_secret'; readonly clientId: string; readonly clientSecret: string }

export type BasicReading =
  | { readonly ok: true; readonly credentials: BasicCredentials }
  /** `problem` is for the operator: it says what is wrong with the form and quotes nothing of what was presented. */
  | { readonly ok: false; readonly problem: string }

/** What every client id begins with, and no username: it decides how both halves are read. */
export const CLIENT_ID_PREFIX = 'cli_'

/** Whether a kind comes by HTTP Basic: so over TLS only, and nowhere unless an API says that it takes it. */
export function comesByBasic(kind: CredentialKind): boolean {
  return kind === 'basic' || kind === 'client_secret'
}

/** The client id of a principal, one for all of its client secrets and keys: `prn_Ab3` gives `cli_Ab3`. */
export function clientIdOf(principalId: string): string {
  return CLIENT_ID_PREFIX + principalId.slice(principalId.indexOf('_') + 1)
}

/** The principal whose client id it would be. */
export function principalIdOf(clientId: string): string {
  return `prn_${clientId.slice(CLIENT_ID_PREFIX.length)}`
}

/** Whether a token68 is a client's, by its first bytes alone: what is no base64 is so for either kind. */
export function presentsClient(token: string): boolean {
  return Buffer.from(token.slice(0, 8), 'base64').toString('latin1').startsWith(CLIENT_ID_PREFIX)
}

/** Longest token68 that is read: a username and a password of the longest, in characters of four bytes. */
const MAX_TOKEN_LENGTH = 2560
const MAX_USERNAME_LENGTH = 128
const MAX_CLIENT_PART_LENGTH = 256

/** CTL of RFC 5234, and the controls beyond ASCII: RFC 7617 section 2 forbids them in both halves. */
const CONTROL = /\p{Cc}/u
/** Whole triples of bytes, and at the end what one or two bytes give, padded (RFC 4648 section 4). */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
/** What a browser or a library writes as application/x-www-form-urlencoded: ASCII, each `%` with its two digits. */
const FORM_ENCODED = /^(?:[!-$&-~]|%[0-9A-Fa-f]{2})+$/
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the token68 of `Authorization: Basic`: strict base64, strict UTF-8, split at the first colon. Whether it is
 * a client's is told by the client id, which form-encoding leaves as it is; only then both halves are form-decoded.
 * A username comes in NFC and a password as `preparePassword` makes it, so that either compares byte by byte.
 */
export function readBasicCredentials(token: string): BasicReading {
  if (token.length > MAX_TOKEN_LENGTH) return refused(`longer than ${MAX_TOKEN_LENGTH} characters`)
  const bytes = Buffer.from(token, 'base64')
  // A last character whose unused bits are set would be a second spelling of the same bytes (RFC 4648 section 3.5).
  if (!BASE64.test(token) || bytes.toString('base64') !== token) return refused('not base64 with its padding')
  const text = decodedUtf8(bytes)
  if (text === null) return refused('not UTF-8')
  const colon = text.indexOf(':')
  if (colon < 0) return refused('no colon between the two halves')
  const [first, second] = [text.slice(0, colon), text.slice(colon + 1)]
  if (CONTROL.test(text)) return refused('a control character')
  if (first === '') return refused('nothing before the colon')
  if (second === '') return refused('nothing after the colon')
  return first.startsWith(CLIENT_ID_PREFIX) ? readClient(first, second) : readUser(first, second)
}

function readUser(first: string, second: string): BasicReading {
  const username = first.normalize('NFC')
  const problem = usernameProblem(username)
  if (problem !== null) return refused(`the username is not one: it must be ${problem}`)
  const password = preparePassword(second)
  // Nobody has a longer one, so it is refused before it is hashed.
  if ([...password].length > PASSWORD_LENGTH.max) {
    return refused(`the password is longer than ${PASSWORD_LENGTH.max} characters`)
  }
  return { ok: true, credentials: { type: 'basic', username, password } }
}

function readClient(first: string, second: string): BasicReading {
  const clientId = formDecoded(first)
  const clientSecret = formDecoded(second)
  if (clientId === null || !isClientId(clientId)) return refused('the client id is not one')
  if (clientSecret === null) return refused('the client secret is not form-encoded (RFC 6749 section 2.3.1)')
  if (CONTROL.test(clientSecret)) return refused('a control character')
  if (clientSecret.length > MAX_CLIENT_PART_LENGTH) {
    return refused(`the client secret is longer than ${MAX_CLIENT_PART_LENGTH} characters`)
  }
  return { ok: true, credentials: { type: 'client_secret', clientId, clientSecret } }
}

/**
 * What a username must be that somebody wants to set, or null: it is one. Letters of all scripts, in NFC (what
 * RFC 8265 section 3.4 calls UsernameCasePreserved: `Ann` and `ann` are two).
 */
export function usernameProblem(username: string): string | null {
  const length = [...username].length
  if (length < 1 || length > MAX_USERNAME_LENGTH) return `1 to ${MAX_USERNAME_LENGTH} characters`
  if (username.startsWith(CLIENT_ID_PREFIX)) return `without ${CLIENT_ID_PREFIX} at its beginning`
  if (username.includes(':')) return 'without a colon (RFC 7617 section 2)'
  if (/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u.test(username)) {
    return 'made of visible characters, without spaces'
  }
  return username === username.normalize('NFC') ? null : 'in Unicode Normalization Form C'
}

export function isClientId(text: string): boolean {
  return text.length <= MAX_CLIENT_PART_LENGTH && /^cli_[0-9A-Za-z_-]+$/.test(text)
}

/** Null: it is not form-encoded, or what it stands for is not UTF-8. */
function formDecoded(text: string): string | null {
  if (!FORM_ENCODED.test(text)) return null
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}

function decodedUtf8(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes)
  } catch {
    return null
  }
}

function refused(problem: string): BasicReading {
  return { ok: false, problem }
}
