import { dirname, join, normalize } from 'node:path/posix'
import { type ImportStatement, scanImports } from './import-scanner.ts'

/** A package of the workspace, or the root with its test/, bench/ and scripts/ (directory ''). */
export interface PackageManifest {
  readonly name: string
  /** Relative to the repository, without a slash at the end. */
  readonly directory: string
  readonly dependencies: readonly string[]
  readonly devDependencies: readonly string[]
}

export interface Project {
  readonly packages: readonly PackageManifest[]
  /** Path from the repository's root → text. */
  readonly files: ReadonlyMap<string, string>
}

/** Arrows point one way: which packages each one may import. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'packages/core': [],
  'packages/server': ['packages/core'],
  'packages/sdk': ['packages/core'],
  'packages/cli': ['packages/core', 'packages/server', 'packages/sdk'],
}

/** Arrows of tests alone, which are held against the real thing and never ship. */
const TEST_ARROWS: Readonly<Record<string, readonly string[]>> = { 'packages/sdk': ['packages/server'] }

/** Entries that run where there is no Node, and the packages that they may reach: no `node:` is among them. */
const PORTABLE: Readonly<Record<string, readonly string[]>> = {
  'packages/core/src/portable.ts': ['ipaddr.js'],
  'packages/sdk/src/fetch.ts': ['@credence/core/portable'],
}

/** What core may take from Node: computation only. Clock, randomness and I/O are passed in. */
const PURE_NODE_MODULES = ['node:buffer', 'node:crypto', 'node:util', 'node:zlib']
/** Contract suites of ports are core code that runs under the test runner. */
const TEST_NODE_MODULES = ['node:test', 'node:assert/strict']

/** Who answers requests. Doors know what they have in common (`doors/`), and never each other. */
const ANSWERING = ['doors/', 'forward-auth/', 'gateway/', 'http/'] as const

/** Layers inside a package: what lies below never knows what lies above it. */
const LAYERS = [
  {
    below: 'packages/server/src/store/',
    above: ['operations/', 'keep/', ...ANSWERING, 'workers/'],
    bare: ['fastify'],
  },
  {
    below: 'packages/server/src/operations/',
    above: [...ANSWERING, 'workers/'],
    bare: ['fastify'],
  },
  {
    below: 'packages/server/src/issuers/',
    above: ['operations/', 'keep/', ...ANSWERING, 'workers/'],
    bare: ['fastify'],
  },
  {
    below: 'packages/server/src/signing/',
    above: ['operations/', 'keep/', ...ANSWERING, 'workers/'],
    bare: ['fastify'],
  },
  { below: 'packages/server/src/keep/', above: [...ANSWERING, 'workers/'], bare: ['fastify'] },
  { below: 'packages/server/src/observe/', above: [...ANSWERING, 'workers/'], bare: [] },
  {
    below: 'packages/server/src/limits/',
    above: ['operations/', ...ANSWERING, 'workers/'],
    bare: ['fastify'],
  },
  // Whether a process is alone or a worker is nothing to what answers requests in it.
  {
    below: 'packages/server/src/doors/',
    above: ['forward-auth/', 'gateway/', 'http/', 'workers/'],
    bare: ['fastify', 'undici'],
  },
  { below: 'packages/server/src/forward-auth/', above: ['gateway/', 'http/', 'workers/'], bare: ['undici'] },
  { below: 'packages/server/src/gateway/', above: ['forward-auth/', 'http/', 'workers/'], bare: ['fastify'] },
  { below: 'packages/server/src/http/', above: ['forward-auth/', 'gateway/', 'workers/'], bare: ['undici'] },
  // A primary answers no request, so it must not load what does: its memory is spent on every node of several workers.
  {
    below: 'packages/server/src/workers/primary.ts',
    above: ANSWERING,
    bare: ['fastify', 'undici', 'prom-client'],
  },
] as const

interface Edge extends ImportStatement {
  readonly from: string
  /** The file imported, for relative imports; else null. */
  readonly to: string | null
}

/** Every breach of the import rules, one line each, as `file:line: what is wrong`. */
export function importProblems(project: Project): string[] {
  const problems: string[] = []
  const edges: Edge[] = []
  for (const [path, text] of project.files) {
    try {
      for (const statement of scanImports(text)) edges.push(edgeOf(path, statement))
    } catch (error) {
      problems.push(`${path}: ${(error as Error).message}`)
    }
  }
  for (const edge of edges) {
    const problem = edgeProblem(edge, project)
    if (problem !== null) problems.push(`${edge.from}:${edge.line}: ${problem}`)
  }
  return [...problems, ...layerProblems(edges), ...portableProblems(edges), ...cycleProblems(edges)]
}

function edgeOf(from: string, statement: ImportStatement): Edge {
  const relative = statement.specifier?.startsWith('.') === true
  return { ...statement, from, to: relative ? normalize(join(dirname(from), statement.specifier)) : null }
}

function edgeProblem(edge: Edge, project: Project): string | null {
  if (edge.form === 'export-star') return '`export *` hides what a module exports; name each export'
  if (edge.specifier === null) return 'a computed import cannot be checked'
  return edge.to === null
    ? bareProblem(edge.from, edge.specifier, project)
    : relativeProblem(edge.from, edge.to, project)
}

function relativeProblem(from: string, to: string, project: Project): string | null {
  const owner = ownerOf(from, project)
  if (ownerOf(to, project) !== owner)
    return `${to} is not a file of ${owner.name}; import the package by name`
  if (isTest(to) && !isTest(from)) return `${to} is a test`
  return null
}

function bareProblem(from: string, specifier: string, project: Project): string | null {
  const owner = ownerOf(from, project)
  if (specifier.startsWith('node:')) return nodeProblem(from, specifier, owner)
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  if (name === owner.name) return `${owner.name} imports itself by name; use a relative import`
  const sibling = project.packages.find((candidate) => candidate.name === name && candidate.directory !== '')
  if (sibling !== undefined && owner.directory !== '') {
    const arrows = [
      ...(ARROWS[owner.directory] ?? []),
      ...(isTest(from) ? (TEST_ARROWS[owner.directory] ?? []) : []),
    ]
    if (!arrows.includes(sibling.directory)) {
      return `${owner.directory} must not import ${sibling.directory}: arrows point one way`
    }
  }
  if (sibling !== undefined && owner.directory === '') return null
  const root = project.packages.find((candidate) => candidate.directory === '')
  const declared = isTest(from)
    ? [...owner.dependencies, ...owner.devDependencies, ...(root?.devDependencies ?? [])]
    : owner.dependencies
  return declared.includes(name) ? null : `${name} is not declared in the package.json of ${owner.name}`
}

function nodeProblem(from: string, specifier: string, owner: PackageManifest): string | null {
  if (owner.directory !== 'packages/core' || from.endsWith('.test.ts')) return null
  const allowed = from.includes('/testing/')
    ? [...PURE_NODE_MODULES, ...TEST_NODE_MODULES]
    : PURE_NODE_MODULES
  return allowed.includes(specifier) ? null : `core is pure and must not import ${specifier}`
}

/** The package that a file belongs to; what no package holds belongs to the root. */
function ownerOf(path: string, project: Project): PackageManifest {
  const owner = project.packages.find(({ directory }) => directory !== '' && path.startsWith(`${directory}/`))
  return owner ?? project.packages.find(({ directory }) => directory === '')!
}

/** What never ships, and so may use development dependencies. */
function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || !path.startsWith('packages/') || path.includes('/testing/')
}

function layerProblems(edges: readonly Edge[]): string[] {
  const problems: string[] = []
  for (const { below, above, bare } of LAYERS) {
    const source = `${below.split('/src/')[0]}/src/`
    const forbidden = above.map((layer) => source + layer)
    for (const edge of edges) {
      if (!edge.from.startsWith(below) || edge.from.endsWith('.test.ts')) continue
      const at = `${edge.from}:${edge.line}`
      if (edge.to === null) {
        const name = bare.find((taken) => edge.specifier === taken || edge.specifier?.startsWith(`${taken}/`))
        if (name !== undefined) problems.push(`${at}: ${below} must not import ${name}`)
        continue
      }
      const chain = forbidden.some((layer) => edge.to!.startsWith(layer))
        ? [edge.to]
        : edge.typeOnly
          ? null
          : pathInto(edge.to, forbidden, edges)
      if (chain !== null) problems.push(`${at}: ${below} must not reach ${chain.join(' → ')}`)
    }
  }
  return problems
}

/** Every package that a portable entry reaches at run time and may not. */
function portableProblems(edges: readonly Edge[]): string[] {
  const problems: string[] = []
  for (const [entry, packages] of Object.entries(PORTABLE)) {
    const reached = new Set([entry])
    for (const file of reached) {
      for (const edge of edges) {
        if (edge.from !== file || edge.typeOnly) continue
        if (edge.to !== null) reached.add(edge.to)
        else if (!packages.includes(edge.specifier ?? '')) {
          problems.push(
            `${edge.from}:${edge.line}: ${entry} must not reach ${edge.specifier}: it runs without Node`,
          )
        }
      }
    }
  }
  return problems
}

/** The way along run-time imports from a file into one of the folders; null: there is none. */
function pathInto(start: string, folders: readonly string[], edges: readonly Edge[]): string[] | null {
  const seen = new Set([start])
  const queue = [[start]]
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const edge of edges) {
      if (edge.from !== path.at(-1) || edge.typeOnly || edge.to === null || seen.has(edge.to)) continue
      seen.add(edge.to)
      const longer = [...path, edge.to]
      if (folders.some((folder) => edge.to!.startsWith(folder))) return longer
      queue.push(longer)
    }
  }
  return null
}

/** Cycles, types included: two files that need each other are one file, or miss a third. */
function cycleProblems(edges: readonly Edge[]): string[] {
  const targets = new Map<string, string[]>()
  for (const { from, to } of edges) {
    if (to !== null) targets.set(from, [...(targets.get(from) ?? []), to])
  }
  const problems: string[] = []
  const done = new Set<string>()
  const stack: string[] = []
  const visit = (file: string) => {
    const start = stack.indexOf(file)
    if (start >= 0) problems.push(`import cycle: ${[...stack.slice(start), file].join(' → ')}`)
    if (start >= 0 || done.has(file)) return
    stack.push(file)
    for (const target of targets.get(file) ?? []) visit(target)
    stack.pop()
    done.add(file)
  }
  for (const file of targets.keys()) visit(file)
  return problems
}
