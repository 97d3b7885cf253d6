import { type InnerList, parseDictionary, serializeInnerList } from 'structured-headers'
import type { JwsAlgorithmName } from '../jws-algorithm.ts'
import type { SignedRequest } from '../message-component.ts'
import { signatureBase } from '../message-signature.ts'
import { type SampleKey, signBytes } from './jws-samples.ts'

/** The request with one signature more, of whatever the input says: `("@method");created=1`. */
export function signedRequest(
  request: SignedRequest,
  input: string,
  name: JwsAlgorithmName,
  signer: SampleKey['signer'],
  label = 'sig1',
): SignedRequest {
  const list = parseDictionary(`${label}=${input}`).get(label) as InnerList
  const parts = { components: list[0], signatureParams: serializeInnerList(list) }
  const base = signatureBase(request, parts)
  if (!base.ok) throw new Error(base.problem)
  const signature = signBytes(name, signer, Buffer.from(base.base, 'latin1')).toString('base64')
  const added = ['Signature-Input', `${label}=${input}`, 'Signature', `${label}=:${signature}:`]
  return { ...request, headers: [...request.headers, ...added] }
}
