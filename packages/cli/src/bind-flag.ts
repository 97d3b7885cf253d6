import { createPublicKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { usageFailure } from './failure.ts'

/** The key that a credential is bound to, as files that hold it. */
export interface BindFlags {
  readonly bindDpop?: string
  readonly bindCertificate?: string
  readonly bindSignature?: string
  /** false: --no-binding. */
  readonly binding?: boolean
}

/** The member `binding` that the flags stand for; undefined: none of them is given. */
export async function bindingOf(flags: BindFlags): Promise<Record<string, unknown> | null | undefined> {
  const { bindDpop, bindCertificate, bindSignature } = flags
  const given = [bindDpop, bindCertificate, bindSignature].filter((path) => path !== undefined)
  if (given.length > 1 || (given.length === 1 && flags.binding === false)) {
    throw usageFailure('a credential is bound to one key: give one of --bind-… and --no-binding')
  }
  if (bindDpop !== undefined) return { type: 'dpop', jwk: await publicJwk('--bind-dpop', bindDpop) }
  if (bindSignature !== undefined) {
    return { type: 'signature', jwk: await publicJwk('--bind-signature', bindSignature) }
  }
  if (bindCertificate !== undefined)
    return { type: 'mtls', certificate: await certificateIn(bindCertificate) }
  return flags.binding === false ? null : undefined
}

/** What a public key consists of, and what says how it is used: a file may hold the private one, which stays here. */
const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg']

async function publicJwk(flag: string, path: string): Promise<Record<string, unknown>> {
  const text = await textOf(path)
  try {
    const jwk = text.trimStart().startsWith('{')
      ? (JSON.parse(text) as Record<string, unknown>)
      : (createPublicKey(text).export({ format: 'jwk' }) as Record<string, unknown>)
    const members = PUBLIC_MEMBERS.filter((name) => jwk[name] !== undefined)
    if (jwk.kty !== 'oct' && members.length > 0)
      return Object.fromEntries(members.map((name) => [name, jwk[name]]))
  } catch {
    // Falls through: what the parser says of it may quote the file.
  }
  throw usageFailure(
    `${flag} takes a file with a key pair or its public key, as JWK or PEM; ${path} holds none`,
  )
}

async function certificateIn(path: string): Promise<string> {
  const text = await textOf(path)
  try {
    // The first of a chain is the client's own.
    return new X509Certificate(text).toString()
  } catch {
    throw usageFailure(`--bind-certificate takes a file with a certificate in PEM; ${path} holds none`)
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw usageFailure(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
}
