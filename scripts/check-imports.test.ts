import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { readProject } from './check-imports.ts'
import { importProblems, type PackageManifest } from './import-rules.ts'

const PACKAGES: PackageManifest[] = [
  { name: 'root', directory: '', dependencies: [], devDependencies: ['fast-check'] },
  { name: '@credence/core', directory: 'packages/core', dependencies: ['ipaddr.js'], devDependencies: [] },
  {
    name: '@credence/server',
    directory: 'packages/server',
    dependencies: ['@credence/core', 'fastify'],
    devDependencies: [],
  },
  {
    name: '@credence/sdk',
    directory: 'packages/sdk',
    dependencies: ['@credence/core'],
    devDependencies: ['@credence/server', 'hono'],
  },
  {
    name: 'credence',
    directory: 'packages/cli',
    dependencies: ['@credence/core', '@credence/server'],
    devDependencies: [],
  },
]

function problems(files: Record<string, string>): string[] {
  return importProblems({ packages: PACKAGES, files: new Map(Object.entries(files)) })
}

test('the repository keeps its own import rules', () => {
  const project = readProject(resolve(import.meta.dirname, '..'))
  assert.ok(project.files.has('packages/core/src/verdict.ts'), 'the sources are found')
  assert.deepEqual(importProblems(project), [])
})

test('imports that keep the rules pass', () => {
  const files = {
    'packages/core/src/a.ts': "import { createHash } from 'node:crypto'\nimport ip from 'ipaddr.js'",
    'packages/core/src/a.test.ts':
      "import fc from 'fast-check'\nimport { a } from './a.ts'\nimport 'node:fs'",
    'packages/core/src/testing/suite.ts': "import { test } from 'node:test'",
    'packages/server/src/http/h.ts': "import { o } from '../operations/o.ts'\nimport fastify from 'fastify'",
    'packages/server/src/operations/o.ts': "import { s } from '../store/s.ts'\nimport '@credence/core'",
    'packages/server/src/store/s.ts': "import '@credence/core/testing/suite'",
    'packages/cli/src/main.js': "import { serve } from '@credence/server'",
    'packages/cli/src/main.ts': "import { serve } from '@credence/server'",
    'packages/sdk/src/a.test.ts':
      "import { run } from '@credence/server/testing/x'\nimport { Hono } from 'hono'",
    'packages/sdk/src/fetch.ts': "import { b } from './b.ts'\nimport type { C } from './c.ts'",
    'packages/sdk/src/b.ts': "import { VERDICTS } from '@credence/core/portable'",
    'packages/sdk/src/c.ts': "import 'node:fs'",
    'packages/core/src/portable.ts': "import ip from 'ipaddr.js'",
    'test/run.ts': "import { VERDICTS } from '@credence/core'\nimport '../scripts/x.ts'",
  }
  assert.deepEqual(problems(files), [])
})

/** Negative controls: each broken tree must be refused, for the reason named. */
const BREACHES: [name: string, path: string, text: string, expected: RegExp][] = [
  [
    'core importing the server',
    'packages/core/src/a.ts',
    "import '@credence/server'",
    /arrows point one way/,
  ],
  ['the server importing the cli', 'packages/server/src/a.ts', "import 'credence'", /arrows point one way/],
  ['core reading files', 'packages/core/src/a.ts', "import 'node:fs'", /must not import node:fs/],
  ['core with timers', 'packages/core/src/a.ts', "import 'node:timers/promises'", /core is pure/],
  ['core under test in its own source', 'packages/core/src/a.ts', "import 'node:test'", /core is pure/],
  ['an undeclared dependency', 'packages/core/src/a.ts', "import 'fastify'", /fastify is not declared/],
  [
    'an undeclared scoped one',
    'packages/server/src/a.ts',
    "import '@fastify/cors/x'",
    /@fastify\/cors is not/,
  ],
  ['a test library in source', 'packages/core/src/a.ts', "import 'fast-check'", /fast-check is not declared/],
  [
    'another package by path',
    'packages/cli/src/a.ts',
    "import '../../core/src/b.ts'",
    /import the package by/,
  ],
  [
    'a package file from the tests',
    'test/a.ts',
    "import '../packages/core/src/b.ts'",
    /import the package by/,
  ],
  ['itself by name', 'packages/core/src/a.ts', "import '@credence/core'", /imports itself/],
  ['a test from source', 'packages/core/src/a.ts', "import './b.test.ts'", /is a test/],
  ['export *', 'packages/core/src/index.ts', "export * from './a.ts'", /export \*/],
  ['a computed import', 'packages/core/src/a.ts', 'await import(name)', /computed import/],
  [
    'a type of the server in core',
    'packages/core/src/a.ts',
    "type A = import('@credence/server').A",
    /one way/,
  ],
  [
    'store → http',
    'packages/server/src/store/a.ts',
    "import type { B } from '../http/b.ts'",
    /must not reach/,
  ],
  ['store → keep', 'packages/server/src/store/a.ts', "import '../keep/b.ts'", /must not reach/],
  ['keep → http', 'packages/server/src/keep/a.ts', "import '../http/b.ts'", /must not reach/],
  ['store → operations', 'packages/server/src/store/a.ts', "import '../operations/b.ts'", /must not reach/],
  [
    'operations → gateway',
    'packages/server/src/operations/a.ts',
    "import '../gateway/b.ts'",
    /must not reach/,
  ],
  [
    'operations → fastify',
    'packages/server/src/operations/a.ts',
    "import 'fastify'",
    /must not import fastify/,
  ],
  [
    'limits → operations',
    'packages/server/src/limits/a.ts',
    "import '../operations/o.ts'",
    /limits\/ must not reach .*operations/,
  ],
  [
    'issuers → operations',
    'packages/server/src/issuers/a.ts',
    "import '../operations/o.ts'",
    /must not reach/,
  ],
  [
    'observe → http',
    'packages/server/src/observe/a.ts',
    "export { b } from '../http/b.ts'",
    /must not reach/,
  ],
  [
    'http → workers',
    'packages/server/src/http/a.ts',
    "import { b } from '../workers/b.ts'",
    /must not reach/,
  ],
  ['http → gateway', 'packages/server/src/http/a.ts', "import '../gateway/b.ts'", /must not reach/],
  ['gateway → http', 'packages/server/src/gateway/a.ts', "import '../http/b.ts'", /must not reach/],
  [
    'forward-auth → gateway',
    'packages/server/src/forward-auth/a.ts',
    "import '../gateway/b.ts'",
    /must not reach/,
  ],
  [
    'what doors have in common → a door',
    'packages/server/src/doors/a.ts',
    "import '../forward-auth/b.ts'",
    /must not reach/,
  ],
  ['gateway → fastify', 'packages/server/src/gateway/a.ts', "import 'fastify'", /must not import fastify/],
  ['store → doors', 'packages/server/src/store/a.ts', "import '../doors/b.ts'", /must not reach/],
  ['gateway → workers', 'packages/server/src/gateway/a.ts', "import '../workers/b.ts'", /must not reach/],
  ['store → workers', 'packages/server/src/store/a.ts', "import '../workers/b.ts'", /must not reach/],
  [
    'the primary → http',
    'packages/server/src/workers/primary.ts',
    "import { b } from '../http/b.ts'",
    /must not reach/,
  ],
  [
    'the primary → fastify',
    'packages/server/src/workers/primary.ts',
    "import fastify from 'fastify'",
    /must not import fastify/,
  ],
  [
    'the sdk importing the server',
    'packages/sdk/src/a.ts',
    "import '@credence/server'",
    /arrows point one way/,
  ],
  [
    'a test of the sdk importing the cli',
    'packages/sdk/src/a.test.ts',
    "import 'credence'",
    /arrows point one way/,
  ],
  ['a framework in the sdk', 'packages/sdk/src/a.ts', "import 'hono'", /hono is not declared/],
  [
    'what runs without Node importing node:',
    'packages/core/src/portable.ts',
    "import 'node:crypto'",
    /portable\.ts must not reach node:crypto/,
  ],
  [
    'what runs without Node importing all of core',
    'packages/sdk/src/fetch.ts',
    "import '@credence/core'",
    /must not reach @credence\/core: it runs without Node/,
  ],
  ['an unreadable source', 'packages/core/src/a.ts', "import 'b", /string without an end/],
]

for (const [name, path, text, expected] of BREACHES) {
  test(`refused: ${name}`, () => {
    const found = problems({ [path]: text })
    assert.ok(
      found.some((problem) => problem.startsWith(path) && expected.test(problem)),
      `found only: ${JSON.stringify(found)}`,
    )
  })
}

test('a worker, unlike its primary, may reach what answers requests', () => {
  const files = {
    'packages/server/src/workers/worker.ts': "import { serving } from '../serving.ts'",
    'packages/server/src/serving.ts': "import { listen } from './http/listen.ts'",
    'packages/server/src/http/listen.ts': 'export const listen = 1',
  }
  assert.deepEqual(problems(files), [])
  const reached = problems({
    ...files,
    'packages/server/src/workers/primary.ts': "import { serving } from '../serving.ts'",
  })
  assert.match(reached.join('\n'), /primary\.ts must not reach .*serving\.ts → .*http\/listen\.ts/)
})

test('refused: a layer reached through a file in between', () => {
  const found = problems({
    'packages/server/src/store/a.ts': "import { b } from '../between.ts'",
    'packages/server/src/between.ts': "import { c } from './http/c.ts'",
    'packages/server/src/http/c.ts': 'export const c = 1',
  })
  assert.match(found.join('\n'), /store\/ must not reach .*between\.ts → .*http\/c\.ts/)
})

test('refused: node: reached from an entry that runs without it, through a file in between', () => {
  const found = problems({
    'packages/sdk/src/fetch.ts': "import { b } from './b.ts'",
    'packages/sdk/src/b.ts': "export { c } from './c.ts'",
    'packages/sdk/src/c.ts': "import 'node:fs'",
  })
  assert.deepEqual(found, [
    'packages/sdk/src/c.ts:1: packages/sdk/src/fetch.ts must not reach node:fs: it runs without Node',
  ])
})

test('refused: a cycle between files, also one of types only', () => {
  const found = problems({
    'packages/core/src/a.ts': "import { b } from './b.ts'",
    'packages/core/src/b.ts': "import type { C } from './c.ts'",
    'packages/core/src/c.ts': "import { a } from './a.ts'",
  })
  assert.match(found.join('\n'), /import cycle: .*a\.ts → .*b\.ts → .*c\.ts → .*a\.ts/)
})
