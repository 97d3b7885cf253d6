import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { CredenceCommand } from './credence-command.ts'
import { makeProgram } from './program.ts'
import { fullName, leavesOf, renderReference } from './reference.ts'
import { runCredence } from './run.ts'
import { recordingTerminal } from './testing/run-against.ts'

test('docs/reference/cli.md is current (scripts/generate-cli-reference.ts makes it)', async () => {
  const path = new URL('../../../docs/reference/cli.md', import.meta.url)
  assert.equal(await readFile(path, 'utf8'), renderReference())
})

test('every command has a description and examples, and shows both with --help', async () => {
  const program = makeProgram(recordingTerminal().terminal, () => {})
  for (const command of leavesOf(program)) {
    assert.ok(command instanceof CredenceCommand && command.examples.length > 0, fullName(command))
    const { terminal, output } = recordingTerminal()
    assert.equal(await runCredence([...fullName(command).split(' ').slice(1), '--help'], terminal), 0)
    assert.ok(output().stdout.includes(command.examples[0] ?? '?'), fullName(command))
    assert.notEqual(command.description(), '', fullName(command))
  }
})
