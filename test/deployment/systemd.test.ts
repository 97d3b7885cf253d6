import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readFile } from './deployment-file.ts'

const UNIT = readFile('deploy/systemd/credence.service')
/** systemd's own measure: 0 is nothing exposed, 10 everything. */
const MOST_EXPOSED = 1.5

/** What systemd-analyze says of a unit that is installed where it says, on a machine like this. */
function analysed(unit: string, args: readonly string[]): { status: number | null; text: string } {
  const folder = mkdtempSync(join(tmpdir(), 'credence-unit-'))
  const path = join(folder, 'credence.service')
  writeFileSync(path, unit.replace('/opt/credence/node_modules/.bin/node', process.execPath))
  const { status, stdout, stderr } = spawnSync('systemd-analyze', [...args, path], { encoding: 'utf8' })
  rmSync(folder, { recursive: true, force: true })
  return { status, text: stdout + stderr }
}

test('systemd understands every line of the unit', () => {
  assert.deepEqual(analysed(UNIT, ['verify']), { status: 0, text: '' })
  const { text } = analysed(UNIT.replace('ProtectSystem=strict', 'ProtectSystems=strict'), ['verify'])
  assert.match(text, /Unknown key.* 'ProtectSystems'/)
})

test('the service is exposed as little as a service with a compiler in it can be', () => {
  const exposure = (unit: string) => {
    const { text } = analysed(unit, ['security', '--offline=yes'])
    return Number(/exposure level for \S+: ([\d.]+)/.exec(text)?.[1])
  }
  assert.ok(exposure(UNIT) <= MOST_EXPOSED, `${exposure(UNIT)}`)
  assert.ok(
    exposure(UNIT.replace('ProtectSystem=strict', '').replace('CapabilityBoundingSet=', '')) > MOST_EXPOSED,
  )
})

test('no secret stands in the unit, and what it loads is where the settings look', () => {
  const loaded = [...UNIT.matchAll(/LoadCredential=([a-z-]+):\/etc\/credence\//g)].map((match) => match[1])
  const used = [...UNIT.matchAll(/=%d\/([a-z-]+)/g)].map((match) => match[1])
  assert.deepEqual(loaded, ['keyring', 'database-url', 'valkey-url', 'admin-key'])
  assert.deepEqual(used, loaded)
})
