import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packageProblems, publishedManifest, withCompiledNames } from './package-files.ts'

const SOURCE = {
  name: '@credence/x',
  version: '1.0.0',
  private: true,
  type: 'module',
  engines: { node: '>=24' },
  exports: { '.': './src/index.ts', './fetch': './src/fetch.ts', './testing/*': './src/testing/*.ts' },
  bin: { x: 'src/main.ts' },
  dependencies: { '@credence/core': '1.0.0' },
  devDependencies: { hono: '1' },
  scripts: { a: 'b' },
}

test('what is published names compiled files, and nothing of the repository or its tests', () => {
  assert.deepEqual(publishedManifest(SOURCE), {
    ...{ name: '@credence/x', version: '1.0.0', type: 'module', engines: { node: '>=24' } },
    dependencies: { '@credence/core': '1.0.0' },
    bin: { x: 'dist/main.js' },
    exports: {
      '.': { types: './dist/index.d.ts', default: './dist/index.js' },
      './fetch': { types: './dist/fetch.d.ts', default: './dist/fetch.js' },
    },
    files: ['dist'],
    publishConfig: { access: 'public' },
  })
  assert.throws(() => publishedManifest({ ...SOURCE, bin: { x: 'main.js' } }), /main\.js is no source file/)
})

test('files beside a file are named as they are once compiled, and nothing else is changed', () => {
  const cases = [
    ["import { a } from './a.ts'", "import { a } from './a.js'"],
    ['type A = import("../b/a.ts").A', 'type A = import("../b/a.js").A'],
    ["new URL('./writer-thread.ts', import.meta.url)", "new URL('./writer-thread.js', import.meta.url)"],
    ["from 'a.ts' or './a.tsx' or a.ts", "from 'a.ts' or './a.tsx' or a.ts"],
  ]
  for (const [before, after] of cases) assert.equal(withCompiledNames(before!), after)
})

const GOOD = new Map([
  ['README.md', ''],
  ['LICENSE', ''],
  ['package.json', ''],
  ['dist/index.js', "import './a.js'\nnew URL('./store/thread.js', import.meta.url)"],
  ['dist/index.d.ts', "export { a } from './a.js'"],
  ['dist/a.js', ''],
  ['dist/store/thread.js', "import '../a.js'"],
])
const NAMES = {
  exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
  bin: { x: 'dist/a.js' },
}

test('a package that is whole has no problem', () => {
  assert.deepEqual(packageProblems(NAMES, GOOD), [])
})

/** Negative controls: what each lacks or has too much must be told. */
const BREACHES: [name: string, change: readonly [path: string, text: string | null][], expected: RegExp][] = [
  ['no licence', [['LICENSE', null]], /LICENSE is missing/],
  ['no readme', [['README.md', null]], /README\.md is missing/],
  ['an entry that is not there', [['dist/index.d.ts', null]], /package\.json names \.\/dist\/index\.d\.ts/],
  ['a command that is not there', [['dist/a.js', null]], /package\.json names dist\/a\.js/],
  ['an import that is not there', [['dist/index.js', "import './b.js'"]], /index\.js names \.\/b\.js/],
  ['a thread that is not there', [['dist/store/thread.js', null]], /names \.\/store\/thread\.js/],
  ['a name of a source', [['dist/a.js', "import('./index.ts')"]], /a\.js names \.\/index\.ts/],
  ['a source', [['dist/b.ts', '']], /b\.ts is not compiled/],
  ['a test', [['dist/a.test.js', '']], /a\.test\.js is for tests/],
  ['a fixture', [['dist/testing/fixture.js', '']], /fixture\.js is for tests/],
]
for (const [name, change, expected] of BREACHES) {
  test(`not fit to be published: ${name}`, () => {
    const files = new Map(GOOD)
    for (const [path, text] of change) {
      if (text === null) files.delete(path)
      else files.set(path, text)
    }
    assert.match(packageProblems(NAMES, files).join('\n'), expected)
  })
}
