/** How a package of this repository becomes the one that is published: the same files, compiled, and what names them. */

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports?: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly [member: string]: unknown
}

/** Members that are about the repository. */
const NOT_PUBLISHED = ['private', 'scripts', 'devDependencies']

/** The package.json that is published. @throws Error where it names a file outside of `src` */
export function publishedManifest(manifest: Manifest): Record<string, unknown> {
  const { exports = {}, bin, ...members } = manifest
  const kept = Object.entries(members).filter(([name]) => !NOT_PUBLISHED.includes(name))
  const entries = Object.entries(exports)
    // Fixtures and contract suites are for the tests of this repository.
    .filter(([name]) => !name.startsWith('./testing/'))
    .map(([name, path]) => [name, { types: compiled(path, '.d.ts'), default: compiled(path, '.js') }])
  return {
    ...Object.fromEntries(kept),
    ...(bin && {
      bin: Object.fromEntries(Object.entries(bin).map(([name, path]) => [name, compiled(path, '.js')])),
    }),
    exports: Object.fromEntries(entries),
    files: ['dist'],
    publishConfig: { access: 'public' },
  }
}

function compiled(path: string, extension: '.js' | '.d.ts'): string {
  const match = /^(\.\/)?src\/(.*)\.[jt]s$/.exec(path)
  if (match === null) throw new Error(`${path} is no source file`)
  return `${match[1] ?? ''}dist/${match[2]}${extension}`
}

/** A file beside this one as it is written in a string. */
const SIBLING = /(['"])(\.{1,2}\/[\w./-]+)\.ts\1/g

/**
 * The text of a compiled file with its siblings named as they are now. tsc does so for what a .js file imports, but not
 * in declarations, nor for the entry of a worker thread, which is a URL.
 */
export function withCompiledNames(text: string): string {
  return text.replace(SIBLING, '$1$2.js$1')
}

/** What is wrong with a package that is to be published, one line each. @param files path in the package → text */
export function packageProblems(
  manifest: Readonly<Record<string, unknown>>,
  files: ReadonlyMap<string, string>,
): string[] {
  const problems: string[] = []
  for (const name of ['README.md', 'LICENSE']) if (!files.has(name)) problems.push(`${name} is missing`)
  for (const path of filesNamedIn(manifest)) {
    if (!hasFile(files, path.replace(/^\.\//, '')))
      problems.push(`package.json names ${path}, which is not there`)
  }
  for (const [path, text] of files) {
    if (/\.test\.|\/testing\//.test(path)) problems.push(`${path} is for tests`)
    if (/(?<!\.d)\.ts$/.test(path)) problems.push(`${path} is not compiled: Node strips no types there`)
    if (!/\.(?:js|d\.ts)$/.test(path)) continue
    for (const [, , target] of text.matchAll(/(['"])(\.{1,2}\/[\w./-]+\.(?:[cm]?[jt]s|sql))\1/g)) {
      if (!files.has(resolved(path, target!))) problems.push(`${path} names ${target}, which is not there`)
    }
  }
  return problems
}

/** A `*` in a path of `exports` stands for anything. */
function hasFile(files: ReadonlyMap<string, string>, path: string): boolean {
  const star = path.indexOf('*')
  if (star === -1) return files.has(path)
  const [before, after] = [path.slice(0, star), path.slice(star + 1)]
  return [...files.keys()].some((name) => name.startsWith(before) && name.endsWith(after))
}

function filesNamedIn({ exports, bin }: Readonly<Record<string, unknown>>): string[] {
  const named: string[] = []
  const walk = (value: unknown) => {
    if (typeof value === 'string') named.push(value)
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk)
  }
  walk(exports)
  walk(bin)
  return named
}

function resolved(from: string, target: string): string {
  return new URL(target, `file:///${from}`).pathname.slice(1)
}
