/**
 * Builds the packages as they are published and packs them: `node scripts/build-packages.ts [folder]`; `dist` when left
 * out. Nothing in the repository runs what is built here.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Manifest, packageProblems, publishedManifest, withCompiledNames } from './package-files.ts'

const ROOT = resolve(import.meta.dirname, '..')
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')

export interface BuiltPackage {
  readonly name: string
  /** What is published, as a folder. */
  readonly folder: string
  readonly tarball: string
}

/** @param out a folder, whose contents are replaced @throws Error where a package would not work once it is installed */
export function buildPackages(out: string): BuiltPackage[] {
  rmSync(out, { recursive: true, force: true })
  const compiled = join(out, 'compiled')
  const compile = [TSC, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', compiled]
  execFileSync(process.execPath, compile, { cwd: ROOT, stdio: 'inherit' })
  return globSync('packages/*/package.json', { cwd: ROOT })
    .map((path) => dirname(path))
    .sort()
    .map((directory) => buildPackage(directory, join(compiled, directory, 'src'), out))
}

function buildPackage(directory: string, compiled: string, out: string): BuiltPackage {
  const source = join(ROOT, directory)
  const folder = join(out, directory)
  mkdirSync(folder, { recursive: true })
  cpSync(compiled, join(folder, 'dist'), { recursive: true })
  // What is read at run time and not imported: migrations, templates.
  for (const path of globSync('**/*', { cwd: join(source, 'src'), withFileTypes: true })) {
    const from = join(path.parentPath, path.name)
    if (path.isFile() && !path.name.endsWith('.ts'))
      cpSync(from, from.replace(join(source, 'src'), join(folder, 'dist')))
  }
  cpSync(join(source, 'README.md'), join(folder, 'README.md'))
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
  const manifest: Manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  const published = publishedManifest(manifest)
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(published, null, 2)}\n`)
  for (const path of globSync('dist/**/*.{js,d.ts}', { cwd: folder })) {
    const file = join(folder, path)
    writeFileSync(file, withCompiledNames(readFileSync(file, 'utf8')))
  }
  const problems = packageProblems(published, filesIn(folder))
  if (problems.length > 0)
    throw new Error(`${manifest.name} is not fit to be published:\n${problems.join('\n')}`)
  return { name: manifest.name, folder, tarball: pack(folder, out) }
}

function filesIn(folder: string): Map<string, string> {
  const found = globSync('**/*', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(
    found.map((entry) => {
      const path = join(entry.parentPath, entry.name)
      return [path.slice(folder.length + 1).replaceAll('\\', '/'), readFileSync(path, 'utf8')]
    }),
  )
}

function pack(folder: string, out: string): string {
  const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', out], {
    cwd: folder,
    encoding: 'utf8',
  })
  const [packed] = JSON.parse(printed) as { filename: string }[]
  return join(out, packed!.filename)
}

if (import.meta.main) {
  const out = resolve(process.argv[2] ?? join(ROOT, 'dist'))
  for (const { name, tarball } of buildPackages(out)) console.log(`${name} ${tarball}`)
}
