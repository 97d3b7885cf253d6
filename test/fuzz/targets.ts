import fc from 'fast-check'

export interface FuzzTarget {
  readonly method: string
  /** Bytes as latin1, without CR and LF: they would end the request line. */
  readonly target: string
}

const METHODS = ['GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'get']
/** Dots, slashes, backslashes, parameters, NUL: raw, encoded, encoded twice, overlong, in other scripts. */
const INSERTIONS = [
  ...['/', '//', '/./', '/../', '/.../', '/..', '/.', '.', '..', '/%2e%2e/', '/%2E%2e/', '/%2e/', '/.%2e/'],
  ...['%2f', '%2F', '%252f', '%25%32%66', '/%252e%252e/', '%u002f', '/%u002e%u002e/', '%%32%66', '%2', '%'],
  ...[
    '\\',
    '/\\',
    '\\..\\',
    '/..\\',
    '%5c',
    '%5C..%5c',
    '%255c',
    '/..%5c',
    '%00',
    '\0',
    '%0a',
    '%0d%0a',
    '\t',
  ],
  ...['%c0%af', '/%c0%ae%c0%ae/', '%e0%80%af', '%f0%80%80%af', '\u00c0\u00af', '%80', '%ff', '%c0%80'],
  ...['%ef%bc%8f', '/%ef%bc%8e%ef%bc%8e/', '%e2%81%84', '/%e2%80%a5/', '\u00ef\u00bc\u008f', '%ef%bc%85%32f'],
  ...[';', ';a=b', ';a=b/', '/..;/', '/.;/', '/;/', '%3b', '%3B..', '%253b', ';%2f', '%ef%bc%9b'],
  ...['?', '?a=/../admin', '%3f', '%253f', '#', '%23', '&', '=', ' ', '%20', '+', ',', '@', '~', ':'],
  ...[
    'admin',
    '/admin/',
    'Admin',
    'ADMIN',
    'adm%C4%B1n',
    '%EF%BD%81dmin',
    '%C5%BF',
    '%E2%84%AA',
    'caf%c3%a9',
  ],
]
const STARTS = [
  '/shop',
  '/open/..',
  '/',
  '//',
  '.',
  'http://gateway.example',
  '*',
  '\\',
  '/;',
  '/%2e',
  '/%2e%2e',
  '',
]

const DOTS = ['..', '%2e%2e', '.%2e', '%252e%252e', '..;', '%c0%ae%c0%ae', '../..', '%ef%bc%8e%ef%bc%8e']
const SLASHES = ['/', '%2f', '%2F', '\\', '%5c', '//', '/;/', '%252f', '%c0%af', '%ef%bc%8f', '/./']

/** `at` and `how` are any numbers; what they choose depends on the target. */
type Change = (target: string, at: number, how: number) => string

const inserted: Change = (target, at, how) => {
  const index = 1 + (at % target.length)
  return target.slice(0, index) + INSERTIONS[how % INSERTIONS.length]! + target.slice(index)
}
const appended: Change = (target, _at, how) => target + INSERTIONS[how % INSERTIONS.length]!
const begun: Change = (target, _at, how) => STARTS[how % STARTS.length]! + target
/** One character in another spelling; the plain ones are the same path all the same. */
const respelt: Change = (target, at, how) => {
  const index = at % target.length
  const character = target[index]!
  const hex = character.charCodeAt(0).toString(16).padStart(2, '0')
  const spellings = [`%${hex}`, `%${hex.toUpperCase()}`, `%25${hex}`, `%25%${hex}`]
  spellings.push(character.toUpperCase(), character.toLowerCase())
  return target.slice(0, index) + spellings[how % spellings.length]! + target.slice(index + 1)
}
/** From a segment up and down again into what nobody may. */
const traversing: Change = (target, at, how) => {
  const slash = target.indexOf('/', 1 + (at % target.length))
  const before = slash === -1 ? target : target.slice(0, slash)
  const up = DOTS[how % DOTS.length]!
  const [first, second] = [how >> 3, how >> 8].map((choice) => SLASHES[choice % SLASHES.length]!)
  return `${before}${how % 3 === 0 ? first : '/'}${up}${second}admin/x`
}
const anyByte: Change = (target, at, how) => {
  const index = 1 + (at % target.length)
  return target.slice(0, index) + String.fromCharCode(how % 256) + target.slice(index)
}

const change = fc.constantFrom(
  ...[inserted, inserted, inserted, appended, begun, anyByte],
  ...[respelt, respelt, respelt, respelt, traversing],
)

/** Paths that lead somewhere, changed in up to three places in which parsers differ. */
export function fuzzTarget(paths: readonly string[]): fc.Arbitrary<FuzzTarget> {
  // Without the bias for small numbers, which would choose the first of each list most of the time.
  const choice = fc.noBias(fc.nat({ max: 99_999 }))
  const changes = fc.array(fc.tuple(change, choice, choice), { maxLength: 3 })
  return fc
    .record({ method: fc.constantFrom(...METHODS), path: fc.constantFrom(...paths), changes })
    .map(({ method, path, changes }) => ({
      method,
      target: changes.reduce((text, [apply, at, how]) => apply(text, at, how), path).replace(/[\r\n]/g, ''),
    }))
}
