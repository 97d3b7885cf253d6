import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { SETTINGS, type Setting } from './settings.ts'
import { settingsReference } from './settings-reference.ts'

test('the reference names every setting once, with its name in the config file', () => {
  const rows = settingsReference()
    .split('\n')
    .filter((line) => line.startsWith('| `CREDENCE_'))
  assert.equal(rows.length, Object.keys(SETTINGS).length)
  for (const setting of Object.values(SETTINGS) as Setting<unknown>[]) {
    const row = rows.find((line) => line.startsWith(`| \`${setting.name}\``))
    assert.ok(row !== undefined, setting.name)
    assert.ok(row.includes(`\`${setting.name.slice('CREDENCE_'.length).toLowerCase()}\``), setting.name)
    assert.equal(row.split(' | ').length, 5, `${setting.name}: a cell holds a bar`)
  }
})

test('docs/reference/settings.md is current', () => {
  const page = readFileSync(new URL('../../../docs/reference/settings.md', import.meta.url), 'utf8')
  assert.equal(page, settingsReference(), 'run: node scripts/generate-settings-reference.ts')
})
