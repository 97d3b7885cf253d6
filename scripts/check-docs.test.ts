import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { readDocs } from './check-docs.ts'
import { anchorsIn, docsProblems } from './docs-rules.ts'

function problems(text: string): string[] {
  const pages = new Map([
    ['docs/page.md', text],
    [
      'README.md',
      '# Credence\n\n## First ten minutes\n\n## First ten minutes\n\n```\n# not a heading\n```\n',
    ],
  ])
  return docsProblems({ pages, exists: (path) => pages.has(path) || path === 'docs/guides' })
}

test('every page of the repository is sound', () => {
  const docs = readDocs(resolve(import.meta.dirname, '..'))
  assert.ok(docs.pages.has('README.md'), 'the pages are found')
  assert.deepEqual(docsProblems(docs), [])
})

test('links that lead somewhere pass, and what is in code is no link', () => {
  const text = `[a](../README.md#first-ten-minutes-1) [b](guides) [c](#here) [d](https://x.example/#y)
## Here
\`[x](none.md)\`
\`\`\`
[y](none.md)
\`\`\`
[e]: ../README.md
`
  assert.deepEqual(problems(text), [])
})

const REFUSED: [text: string, expected: RegExp][] = [
  ['[a](none.md)', /docs\/page\.md:1: none\.md does not exist/],
  ['![a](none.png)', /none\.png does not exist/],
  ['[a]: none.md', /none\.md does not exist/],
  ['[a](../README.md#none)', /no such heading/],
  ['[a](../README.md#not-a-heading)', /no such heading/],
  ['[a](#none)', /no such heading/],
  ['[a](/README.md)', /absolute/],
  ['[a](../../x.md)', /leaves the repository/],
  [`see /${'work'}/main/x`, /somebody’s machine/],
  [`\`\`\`\ncat /${'home'}/me/x\n\`\`\``, /page\.md:2: .*somebody’s machine/],
  [`as ${'issue'} 7 says`, /tracker/],
  [`${'TO'}${'DO'}: write`, /unfinished/],
]

for (const [text, expected] of REFUSED) {
  test(`refused: ${text.replaceAll('\n', '⏎')}`, () => {
    assert.match(problems(text).join('\n'), expected)
  })
}

test('anchors follow GitHub’s rule', () => {
  assert.deepEqual(
    [...anchorsIn('# The `X` API: a & b\n## [Link](x.md) über\n')],
    ['the-x-api-a--b', 'link-über'],
  )
})
