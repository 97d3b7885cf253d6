import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { connectionFrom } from './environment.ts'
import { keyFile } from './key-file.ts'
import { HeldKey } from './key-source.ts'

const folder = mkdtempSync(join(tmpdir(), 'credence-sdk-'))
after(() => rmSync(folder, { recursive: true, force: true }))

describe('what is not given', () => {
  it('comes out of the environment: the address, and the key itself or the file that holds it', async () => {
    const path = join(folder, 'verify.key')
    writeFileSync(path, 'crd_live_one\n')
    const env = { CREDENCE_URL: 'https://credence.example', CREDENCE_KEY_FILE: path }
    const { url, key } = connectionFrom({}, env)
    assert.equal(url, 'https://credence.example')
    assert.equal(await new HeldKey(key).read(), 'crd_live_one')
    assert.equal(connectionFrom({}, { CREDENCE_KEY: 'crd_live_two' }).key, 'crd_live_two')
  })

  it('is the local server where there is no address, and nothing that is given is overruled', () => {
    assert.equal(connectionFrom({}, { CREDENCE_KEY: 'k', CREDENCE_URL: '' }).url, 'http://127.0.0.1:6749')
    const given = { url: 'https://given.example', key: 'given' }
    assert.deepEqual(
      connectionFrom(given, { CREDENCE_URL: 'x', CREDENCE_KEY: 'y', CREDENCE_KEY_FILE: 'z' }),
      given,
    )
  })

  it('is a mistake where there is no key, or two', () => {
    assert.throws(() => connectionFrom({}, { CREDENCE_KEY: '' }), /there is no key: set CREDENCE_KEY_FILE/)
    assert.throws(() => connectionFrom({}, { CREDENCE_KEY: 'a', CREDENCE_KEY_FILE: 'b' }), /are both set/)
  })
})

describe('a key in a file', () => {
  it('is read at the first use, and again when it was refused', async () => {
    const path = join(folder, 'rotating.key')
    let readings = 0
    const read = keyFile(path)
    const held = new HeldKey(() => {
      readings += 1
      return read()
    })
    writeFileSync(path, ' old \n')
    assert.equal(await held.read(), 'old')
    writeFileSync(path, 'new')
    assert.equal(await held.read(), 'old')
    assert.equal(await held.replacementOf('old'), 'new')
    assert.equal(await held.replacementOf('old'), 'new', 'for whoever else was refused with the old one')
    assert.equal(readings, 2)
    assert.equal(await held.replacementOf('new'), null)
  })

  it('that is not there, or holds no key, is told by its path and without what is in it', async () => {
    const path = join(folder, 'nothing.key')
    const held = new HeldKey(keyFile(path))
    await assert.rejects(held.read(), { code: 'KEY_UNREADABLE', detail: `cannot read ${path}: ENOENT` })
    for (const text of ['', 'one\ntwo', 'a b', 'ключ']) {
      writeFileSync(path, text)
      await assert.rejects(held.read(), { code: 'KEY_UNREADABLE', detail: /not one line of visible ASCII/ })
    }
    writeFileSync(path, 'there')
    assert.equal(await held.read(), 'there', 'a failure is not kept')
  })
})
