/** Checks every Markdown page of the repository; see docs-rules.ts for the rules. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Docs, docsProblems } from './docs-rules.ts'

/** @param root absolute path of the repository */
export function readDocs(root: string): Docs {
  const paths = globSync('**/*.md', { cwd: root, exclude: ['**/node_modules/**', 'data/**', '.git/**'] })
  const pages = new Map<string, string>()
  for (const path of paths.sort())
    pages.set(path.replaceAll('\\', '/'), readFileSync(join(root, path), 'utf8'))
  return { pages, exists: (path) => existsSync(join(root, path)) }
}

if (import.meta.main) {
  const docs = readDocs(resolve(import.meta.dirname, '..'))
  const problems = docsProblems(docs)
  for (const problem of problems) console.error(problem)
  if (problems.length === 0) console.log(`${docs.pages.size} pages are sound`)
  process.exitCode = problems.length === 0 && docs.pages.size > 0 ? 0 : 1
}
