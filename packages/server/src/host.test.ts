import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { temporaryFolder } from './store/testing/sqlite-fixture.ts'

/** What a process has loaded of the driver after it ran `code`. */
function loaded(code: string, dataPath: string): string {
  const text = `
    import { createRequire } from 'node:module'
    import { parseConfig } from ${JSON.stringify(new URL('./config.ts', import.meta.url).href)}
    import { openStore, openUsage } from ${JSON.stringify(new URL('./host.ts', import.meta.url).href)}
    await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)})
    const open = async (env) => {
      const { config } = parseConfig({ CREDENCE_DATA: ${JSON.stringify(dataPath)}, ...env }, () => '')
      for (const open of [openStore, openUsage]) await (await open(config, () => {})).close()
    }
    ${code}
    const { cache } = createRequire(import.meta.url)
    console.log(Object.keys(cache).filter((path) => /[\\\\/]pg[\\\\/]lib[\\\\/]client/.test(path)).length)
  `
  return execFileSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' }).trim()
}

test('a server on SQLite loads nothing of the driver for PostgreSQL', async () => {
  const folder = await temporaryFolder()
  assert.equal(loaded('await open({})', folder), '0')
  const url = 'postgres://nobody@127.0.0.1:1/nowhere'
  const named = `await open({ CREDENCE_DATABASE_URL: ${JSON.stringify(url)} }).catch(() => {})`
  assert.equal(loaded(named, folder), '1')
})
