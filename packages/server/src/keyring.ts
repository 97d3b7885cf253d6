import { createHash, hkdfSync } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

const KEY_BYTES = 32
const KEY_ID = /^[a-z0-9]{1,16}$/
const OWNER_ONLY = 0o600
const GROUP_AND_OTHERS = 0o077
/** Read by its owner and its group, and written by nobody. */
const HANDED_OVER = 0o440

/** What stands in the file: the master keys, oldest first. */
interface KeyringFile {
  readonly format: 1
  readonly keys: readonly { readonly id: string; readonly created_at: string; readonly material: string }[]
  /** Id of the key that seals from now on. */
  readonly current: string
}

/** A refusal of the keyring is a value; a disk that fails is thrown. */
export type KeyringResult =
  | { readonly ok: true; readonly keyring: Keyring; readonly created: boolean }
  | { readonly ok: false; readonly problem: string }

/**
 * The server's own master keys, one set per installation. The material is used only to derive subkeys
 * (HKDF-SHA-256, RFC 5869), one per purpose, and is in no property that could be printed.
 */
export class Keyring {
  readonly currentId: string
  /** Hex SHA-256 over ids and material: tells keyrings apart and gives nothing away. */
  readonly fingerprint: string
  readonly #sealingKeys = new Map<string, Buffer>()
  #dpopNonceKey: Buffer = Buffer.alloc(0)

  /** @param keys ids and 32 bytes each, in the file's order */
  constructor(keys: readonly (readonly [id: string, material: Uint8Array])[], currentId: string) {
    this.currentId = currentId
    const hash = createHash('sha256').update('credence keyring v1')
    for (const [id, material] of keys) {
      // Each part is length-prefixed, so that no two keyrings give the same bytes.
      hash.update(`\n${id.length}:${id}:${material.length}:`).update(material)
      this.#sealingKeys.set(id, subkey(material, 'credence sealing v1'))
      if (id === currentId) this.#dpopNonceKey = subkey(material, 'credence dpop nonces v1')
    }
    this.fingerprint = hash.digest('hex')
  }

  /** 32 bytes for AES-256-GCM, or undefined for a key that this installation does not have. */
  sealingKey(id: string): Buffer | undefined {
    return this.#sealingKeys.get(id)
  }

  /** 32 bytes for the nonces of DPoP: the same on all nodes that have the same current key. */
  get dpopNonceKey(): Buffer {
    return this.#dpopNonceKey
  }

  /** The same, as the port that core's seal.ts takes. */
  get sealingKeys(): { readonly currentId: string; key(id: string): Buffer | undefined } {
    return { currentId: this.currentId, key: (id) => this.sealingKey(id) }
  }
}

function subkey(material: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', material, '', purpose, KEY_BYTES))
}

/** A fingerprint as people compare it: `1f2e-3d4c-5b6a-7988`, the first 64 bits. */
export function showFingerprint(fingerprint: string): string {
  return fingerprint.slice(0, 16).replace(/(.{4})(?=.)/g, '$1-')
}

export interface OpenKeyringOptions {
  readonly path: string
  /** Whether a missing keyring may be made: only for a store that has none yet. */
  readonly mayCreate: boolean
  /** What the store remembers; null: nothing yet. */
  readonly fingerprintInStore: string | null
  readonly randomBytes: (size: number) => Uint8Array
  readonly nowMs: number
}

/**
 * The keyring that belongs to the store, made when there is none and that is allowed. With another one nothing
 * that is sealed could be opened, and everything written would be lost to the right one; so it is refused.
 */
export function openKeyring(options: OpenKeyringOptions): KeyringResult {
  const { path, mayCreate, fingerprintInStore, randomBytes, nowMs } = options
  const text = readOwnFile(path)
  if (text.type === 'refused') return { ok: false, problem: text.problem }
  if (text.type === 'missing') {
    if (fingerprintInStore !== null) {
      const belongs = showFingerprint(fingerprintInStore)
      return refuse(path, `is missing, and the store belongs to keyring ${belongs}; restore it from a backup`)
    }
    if (!mayCreate) return refuse(path, 'is missing')
    return createKeyring(path, randomBytes, nowMs)
  }
  const loaded = parseKeyring(path, text.text)
  if (!loaded.ok || fingerprintInStore === null || loaded.keyring.fingerprint === fingerprintInStore)
    return loaded
  return refuse(
    path,
    `is keyring ${showFingerprint(loaded.keyring.fingerprint)}, but the store belongs to keyring ` +
      `${showFingerprint(fingerprintInStore)}; start with the keyring that the store was made with`,
  )
}

/** The keyring at a path, whatever store it belongs to. */
export function loadKeyring(path: string): KeyringResult {
  const text = readOwnFile(path)
  if (text.type === 'refused') return { ok: false, problem: text.problem }
  return text.type === 'missing' ? refuse(path, 'is missing') : parseKeyring(path, text.text)
}

/** Makes a keyring of one fresh key. One that somebody else made in the meantime is loaded, never replaced. */
export function createKeyring(
  path: string,
  randomBytes: (size: number) => Uint8Array,
  nowMs: number,
): KeyringResult {
  const file: KeyringFile = {
    format: 1,
    keys: [
      {
        id: 'k1',
        created_at: new Date(nowMs).toISOString(),
        material: Buffer.from(randomBytes(KEY_BYTES)).toString('base64url'),
      },
    ],
    current: 'k1',
  }
  const suffix = Buffer.from(randomBytes(8)).toString('hex')
  const written = writeNewFile(path, `${JSON.stringify(file, null, 2)}\n`, suffix)
  const loaded = loadKeyring(path)
  return loaded.ok ? { ...loaded, created: written } : loaded
}

type FileText =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'missing' }
  | { readonly type: 'refused'; readonly problem: string }

/** Checked on the open file, so that what is read is what was checked. */
function readOwnFile(path: string): FileText {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'ENOENT') return { type: 'missing' }
    return { type: 'refused', problem: `The keyring ${path} cannot be read (${String(code)})` }
  }
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) return { type: 'refused', problem: `The keyring ${path} is not a file` }
    // Windows has no such bits; access is the folder's there.
    const problem = process.platform === 'win32' ? null : accessProblem(stat, process.getuid!())
    if (problem !== null)
      return { type: 'refused', problem: `The keyring ${path} ${problem}; run: chmod 600 ${path}` }
    return { type: 'text', text: readFileSync(descriptor, 'utf8') }
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Whether others may use a file of ours; null: nobody. Kubernetes and systemd hand a secret over as a file of root's that
 * the service's group may read, or its user by an access list, whose mask stands where the group's bits do.
 */
export function accessProblem(
  file: { readonly uid: number; readonly mode: number },
  ownUid: number,
): string | null {
  const mode = file.mode & 0o777
  const isHandedOver = file.uid === 0 && ownUid !== 0 && (mode & ~HANDED_OVER) === 0
  if ((mode & GROUP_AND_OTHERS) === 0 || isHandedOver) return null
  return `has mode 0${mode.toString(8)}, so others than its owner may use it`
}

/** Messages name what is wrong and never quote the file: it holds the material. */
function parseKeyring(path: string, text: string): KeyringResult {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch {
    return refuse(path, 'is damaged: it is not JSON')
  }
  if (!isObject(file)) return refuse(path, 'is damaged: it is not a JSON object')
  if (file.format !== 1) return refuse(path, 'has a format that this release does not know')
  if (!Array.isArray(file.keys) || file.keys.length === 0) return refuse(path, 'is damaged: it holds no keys')
  const keys = new Map<string, Buffer>()
  for (const [index, key] of file.keys.entries()) {
    const material = isObject(key) ? decodeMaterial(key.material) : null
    if (!isObject(key) || typeof key.id !== 'string' || !KEY_ID.test(key.id) || keys.has(key.id)) {
      return refuse(path, `is damaged: key number ${index + 1} has no id of its own`)
    }
    if (material === null)
      return refuse(path, `is damaged: key ${key.id} is not ${KEY_BYTES} bytes in base64url`)
    keys.set(key.id, material)
  }
  if (typeof file.current !== 'string' || !keys.has(file.current)) {
    return refuse(path, 'is damaged: its current key is none of its keys')
  }
  return { ok: true, keyring: new Keyring([...keys], file.current), created: false }
}

/** Node's decoder skips what is not base64url; only the exact encoding is taken. */
function decodeMaterial(value: unknown): Buffer | null {
  if (typeof value !== 'string') return null
  const material = Buffer.from(value, 'base64url')
  return material.length === KEY_BYTES && material.toString('base64url') === value ? material : null
}

/**
 * Writes a file that is there as a whole or not at all, also after a power failure. Returns false, and leaves
 * everything as it was, when the path is taken: a link, unlike a rename, never replaces what is there.
 */
function writeNewFile(path: string, text: string, suffix: string): boolean {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const temporary = join(folder, `.${basename(path)}.${suffix}`)
  try {
    writeFileSync(temporary, text, { mode: OWNER_ONLY, flag: 'wx', flush: true })
    linkSync(temporary, path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    removeIfThere(temporary)
  }
  if (process.platform !== 'win32') syncFolder(folder)
  return true
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

/** The new name itself is durable only after its folder is. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function refuse(path: string, problem: string): KeyringResult {
  return { ok: false, problem: `The keyring ${path} ${problem}` }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
