import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { makeCertificate } from '../certificate.ts'
import { temporaryFolder } from '../running-server.ts'
import { call } from './caller.ts'
import { type Change, openDoor, type Start } from './door.ts'
import { startSite } from './site.ts'

/** Tests that a proxy says which certificate its client showed, and believes nobody else about it. */
export function testClientCertificates(name: string, start: Start, change: Change, spoil: Change): void {
  test(`${name}: a key that is bound to a certificate passes over a connection with that one alone`, async (t) => {
    const folder = temporaryFolder()
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const site = await startSite('forwarded', { CREDENCE_PROXY_CLIENT_CERT: 'true' })
    t.after(() => site.close())
    const [own, other] = ['own', 'other'].map((which) => {
      const { certPath, keyPath } = makeCertificate(folder, which, 'DNS:client')
      return { cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8') }
    }) as [Shown, Shown]
    const issued = await site.credence.request<{ secret: string }>('POST', '/v1/credentials', {
      ...{ kind: 'api_key', api: 'orders', principal: 'Zoë', scopes: ['orders:read'] },
      binding: { type: 'mtls', certificate: own.cert },
    })
    const der = own.cert.replace(/-----[A-Z ]+-----|\s/g, '')
    const key = `X-API-Key: ${issued.body.secret}`
    const statuses = async (how: Change) => {
      const door = await openDoor(start, site, { change: how })
      try {
        const status = async (shown: Shown | null, ...more: string[]) =>
          (await call({ ...door, ...(shown !== null && { shown }) }, { headers: [key, ...more] })).status
        return [
          await status(own),
          await status(other),
          await status(null),
          await status(null, `Client-Cert: :${der}:`),
          await status(other, `Client-Cert: :${der}:`),
        ]
      } finally {
        await door.stop()
      }
    }
    assert.deepEqual(await statuses(change), [200, 401, 401, 401, 401])
    const spoilt = await statuses((file, text) => spoil(file, change(file, text)))
    assert.equal(spoilt[3], 200, 'the control: what its client sends under that name is handed on')
  })
}

/** PEM. */
interface Shown {
  readonly cert: string
  readonly key: string
}
