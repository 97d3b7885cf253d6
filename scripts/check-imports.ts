/** Checks the direction of imports in this repository; see import-rules.ts for the rules. */
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { importProblems, type PackageManifest, type Project } from './import-rules.ts'

const SOURCES = ['packages/*/src/**/*.{ts,js}', '{test,bench,scripts}/**/*.ts']

/** @param root absolute path of the repository */
export function readProject(root: string): Project {
  const paths = globSync(SOURCES, { cwd: root, exclude: ['**/node_modules/**'] })
  const files = new Map<string, string>()
  for (const path of paths.sort()) {
    files.set(path.replaceAll('\\', '/'), readFileSync(join(root, path), 'utf8'))
  }
  const directories = ['', ...globSync('packages/*', { cwd: root }).map((path) => path.replaceAll('\\', '/'))]
  return { files, packages: directories.map((directory) => readManifest(root, directory)) }
}

function readManifest(root: string, directory: string): PackageManifest {
  const manifest = JSON.parse(readFileSync(join(root, directory, 'package.json'), 'utf8'))
  return {
    name: manifest.name,
    directory,
    dependencies: Object.keys(manifest.dependencies ?? {}),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
  }
}

if (import.meta.main) {
  const project = readProject(resolve(import.meta.dirname, '..'))
  const problems = importProblems(project)
  for (const problem of problems) console.error(problem)
  if (problems.length === 0) console.log(`${project.files.size} files import in the right direction`)
  process.exitCode = problems.length === 0 ? 0 : 1
}
