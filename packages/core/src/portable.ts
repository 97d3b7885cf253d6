/**
 * What of core runs where there is no Node: browsers, Workers. No file that this one reaches imports `node:`, which
 * the import check holds.
 */
export { FAULT_CODES, FAULTS, type FaultCode } from './fault.ts'
export { headerValues, type RawHeaders, singleHeader } from './headers.ts'
export { clientIp, type IpRange, ipInRanges, parseIp, parseIpRange } from './ip.ts'
export { type HttpAnswer, limitHeaders, PROBLEM_JSON, type Refusal, refusalAnswer } from './refusal.ts'
export { parseScopeExpression } from './scope.ts'
export { challengeFor, VERDICT_CODES, VERDICTS, type VerdictCode } from './verdict.ts'
