import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { boundCheck } from './bound.ts'
import { type Change, type Check, type Door, openDoor, type Start } from './door.ts'
import { connectionCheck, credentialCheck, hearsayCheck, identityCheck } from './identity.ts'
import { closedProblems, outageProblems, unavailableProblems } from './outages.ts'
import { pathCheck, queryCheck } from './paths.ts'
import { crowdCheck, foreignRefusalCheck, refusalCheck, twiceCheck } from './refusals.ts'
import { type Site, startSite } from './site.ts'
import {
  eventCheck,
  headCheck,
  preflightCheck,
  refusedUploadCheck,
  upgradeCheck,
  uploadCheck,
} from './traffic.ts'

/** What every guide promises, by the name that a test has. */
const CHECKS = {
  'identity headers cannot be forged, however they are spelt': identityCheck,
  'Connection takes no identity header away': connectionCheck,
  'what the caller says about method, target and address is not believed': hearsayCheck,
  'the presented credential is not passed on': credentialCheck,
  'every refusal reaches the caller with status, challenge, limits and body': refusalCheck,
  'two Authorization headers are refused': twiceCheck,
  'a proof counts for the address that was called and for no other': boundCheck,
  'callers that come together get each its own answer': crowdCheck,
  "the upstream's own refusals pass unchanged": foreignRefusalCheck,
  'method and path that were authorized are what the upstream sees': pathCheck,
  'the query reaches the upstream as it came': queryCheck,
  'HEAD stays HEAD': headCheck,
  'a large upload is streamed and arrives whole': uploadCheck,
  'an upload that is refused is not read': refusedUploadCheck,
  'WebSockets pass, and no other upgrade': upgradeCheck,
  'server-sent events pass one by one': eventCheck,
  'preflights pass where the API names their origin': preflightCheck,
} as const satisfies Record<string, Check>

/** A guide's configuration spoilt in one place, and the guarantee that is seen to break. */
export interface Spoilt {
  readonly what: string
  readonly breaks: keyof typeof CHECKS | 'outage' | 'unavailable'
  readonly change: Change
}

/** A configuration in which something fails that is not Credence. */
export interface Failing {
  readonly what: string
  readonly change: Change
}

/** Tests that a proxy with its guide's configuration keeps every guarantee, and that each spoilt one does not. */
export function testGuarantees(
  name: string,
  start: Start,
  style: 'nginx' | 'forwarded',
  spoilt: readonly Spoilt[],
  failing: readonly Failing[] = [],
): void {
  let site: Site
  let door: Door
  before(async () => {
    site = await startSite(style)
    door = await openDoor(start, site)
  })
  after(async () => {
    await door?.stop()
    await site?.close()
  })

  for (const [promise, check] of Object.entries(CHECKS)) {
    test(`${name}: ${promise}`, async () => assert.deepEqual(await check(door), []))
  }
  test(`${name}: while nobody answers, nothing passes, and the caller hears 503 in time`, async () => {
    assert.deepEqual(await outageProblems(start, site), [])
  })
  test(`${name}: Credence's own 503 reaches the caller`, async () => {
    assert.deepEqual(await unavailableProblems(start, site, style), [])
  })
  for (const { what, breaks, change } of spoilt) {
    test(`${name}, ${what}: the check is seen to fail`, async () => {
      assert.notDeepEqual(await problemsWhenSpoilt(breaks, change), [])
    })
  }
  for (const { what, change } of failing) {
    test(`${name}, ${what}: nothing passes, and the caller hears 503`, async () => {
      assert.deepEqual(await closedProblems(start, site, { change }), [])
    })
  }

  async function problemsWhenSpoilt(breaks: Spoilt['breaks'], change: Change): Promise<string[]> {
    if (breaks === 'outage') return outageProblems(start, site, change)
    if (breaks === 'unavailable') return unavailableProblems(start, site, style, change)
    const broken = await openDoor(start, site, { change })
    try {
      return await CHECKS[breaks](broken)
    } finally {
      await broken.stop()
    }
  }
}

/** Has another text in a file where it holds `from`. @throws Error where it does not */
export function without(name: string, from: string, to = ''): Change {
  return (file, text) => {
    if (file !== name) return text
    if (!text.includes(from)) throw new Error(`${name} does not hold ${JSON.stringify(from)}`)
    return text.replaceAll(from, to)
  }
}
