import { aDpopProof } from '@credence/core/testing/presenter'
import { type Ask, askSeen, type Check, type Door, Findings, protocolsOf } from './door.ts'
import { BOUND_TO, HOST } from './site.ts'

/** Proofs are held against the address that was called, whatever the caller says it is; nonces reach the caller. */
export const boundCheck: Check = async (door) => {
  const findings = new Findings()
  for (const [protocol, ask] of protocolsOf(door)) {
    const nonce = await nonceOf(door, ask, findings, protocol)
    const right = await asked(door, ask, nonce, HOST)
    findings.equal([right.answer.status, right.seen.length], [200, 1], `the right proof over ${protocol}`)
    const stolen = await asked(door, ask, nonce, 'evil.example', ['X-Forwarded-Host: evil.example'])
    findings.equal(
      [stolen.answer.status, stolen.seen.length],
      [401, 0],
      `a proof that was made for another server over ${protocol}`,
    )
  }
  return findings.problems
}

async function nonceOf(door: Door, ask: Ask, findings: Findings, protocol: string): Promise<string> {
  const { answer } = await askSeen(door, ask, { headers: [`Authorization: DPoP ${door.site.keys.bound}`] })
  const challenge = answer.headers.get('www-authenticate')?.join()
  const isAsked = challenge?.startsWith('DPoP realm="orders", error="use_dpop_nonce"') === true
  findings.expect(isAsked, `without a proof over ${protocol}: ${challenge}`)
  return answer.headers.get('dpop-nonce')?.[0] ?? ''
}

let proofs = 0

function asked(door: Door, ask: Ask, nonce: string, host: string, more: readonly string[] = []) {
  const key = door.site.keys.bound
  proofs += 1
  // As far ahead as a clock may be: what is used up is known of only since the server started, a moment ago.
  const iat = (Date.now() + 9900) / 1000
  const claims = { jti: `p${proofs}`, htu: `https://${host}/orders/7`, iat, nonce }
  const proof = aDpopProof(BOUND_TO, key, Date.now(), claims)
  return askSeen(door, ask, { headers: [`Authorization: DPoP ${key}`, `DPoP: ${proof}`, ...more] })
}
