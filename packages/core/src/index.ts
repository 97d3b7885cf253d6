export { AttemptLedger, type BackoffRule, mostAttempts } from './attempt-ledger.ts'
export { isBase62, type RandomBytes, randomBase62 } from './base62.ts'
export {
  type BasicCredentials,
  type BasicReading,
  CLIENT_ID_PREFIX,
  clientIdOf,
  comesByBasic,
  principalIdOf,
  readBasicCredentials,
  usernameProblem,
} from './basic-credentials.ts'
export { BoundedMap } from './bounded-map.ts'
export {
  type CacheBounds,
  CachedLookup,
  type Lease,
  LookupUnavailable,
  type RecordReader,
} from './cached-lookup.ts'
export {
  type ClientCertificate,
  type ClientCertificateReading,
  certificateThumbprint,
  MAX_CERTIFICATE_BYTES,
  MAX_CHAIN_LENGTH,
  readClientCertificate,
} from './certificate-thumbprint.ts'
export { type BindingRefusal, type BindingResult, checkBinding } from './check-binding.ts'
export {
  checkMessageSignature,
  type ExpectedMessageSignature,
  type MessageSignatureResult,
} from './check-message-signature.ts'
export {
  type ClaimMapping,
  claimMappingProblem,
  type MappingResult,
  mapClaims,
  type RequiredClaim,
  type ScopeSource,
} from './claim-mapping.ts'
export { claimAt, parseClaimPointer } from './claim-pointer.ts'
export { assertionKeyOf, clientIn } from './client-assertion.ts'
export { type ClientKeys, NO_CLIENT_KEYS } from './client-keys.ts'
export { type ConditionProblem, checkConditions, conditionProblem, type UnmetCondition } from './condition.ts'
export { bindingOfConfirmation, confirmationOf, isThumbprint } from './confirmation.ts'
export { type ContentDigestResult, checkContentDigest } from './content-digest.ts'
export type { CounterEntry } from './counter-table.ts'
export { CreditBlocks, type CreditBlocksOptions } from './credit-blocks.ts'
export type { CreditLedger, SpentCredits } from './credit-ledger.ts'
export { CHECKS, type CheckName, type Decision, type DpopAnswer, refuse, routeName } from './decision.ts'
export {
  type DecryptionKey,
  type DecryptionKeyReading,
  MAX_DECRYPTION_KEYS,
  readDecryptionKey,
} from './decryption-key.ts'
export {
  checkDpopProof,
  DPOP_ALGORITHMS,
  type DpopError,
  type DpopResult,
  type ExpectedDpopProof,
  MAX_DPOP_LENGTH,
} from './dpop.ts'
export { challengeOf } from './dpop-challenge.ts'
export { DpopNonces, type DpopNoncesOptions } from './dpop-nonces.ts'
export {
  type Extraction,
  type ExtractRules,
  extract,
  type Presented,
  readAuthorization,
  readBareKey,
} from './extract.ts'
export { FAULT_CODES, FAULTS, type FaultCode } from './fault.ts'
export { TAKEN_UNASKED } from './find-caller.ts'
export {
  type FeedPoint,
  type FeedReader,
  type FollowedChange,
  Follower,
  type FollowerOptions,
} from './follow.ts'
export { generatePassword } from './generate-password.ts'
export {
  GUESS_RULES,
  type Guess,
  type GuessAnswer,
  type GuessRules,
  GuessThrottle,
  type GuessThrottleOptions,
  partyOf,
} from './guess-throttle.ts'
export { findHeader, headerValues, type RawHeaders, singleHeader } from './headers.ts'
export { type HttpScheme, normalAuthority, normalHttpUri } from './http-uri.ts'
export {
  clientIp,
  type Ip,
  type IpRange,
  ipInRange,
  ipInRanges,
  isSpecialUse,
  parseIp,
  parseIpRange,
} from './ip.ts'
export {
  JWE_ALGORITHM_NAMES,
  JWE_ENCRYPTION_NAMES,
  JWE_ENCRYPTIONS,
  type JweAlgorithmName,
  type JweEncryptionName,
} from './jwe-algorithm.ts'
export { type Jwk, type JwkReading, readJwk, type VerificationKey } from './jwk.ts'
export { jwkThumbprint } from './jwk-thumbprint.ts'
export {
  JWS_REASONS,
  type JwsHeader,
  type JwsOptions,
  type JwsReason,
  type JwsRefusal,
  type JwsResult,
  MAX_JWS_LENGTH,
  parseUnverifiedJws,
  type UnverifiedJws,
  verifyCompactJws,
  verifyParsedJws,
} from './jws.ts'
export { isJwsAlgorithm, JWS_ALGORITHM_NAMES, type JwsAlgorithmName } from './jws-algorithm.ts'
export { JwsKeys, MAX_JWS_KEYS, type RefusedJwk } from './jws-keys.ts'
export { signJwt } from './jws-sign.ts'
export {
  type ClaimsRefusal,
  type ClaimsResult,
  checkJwtClaims,
  type JwtClaims,
  type JwtRules,
  jwtRulesProblem,
  MAX_CLOCK_SKEW_SECONDS,
} from './jwt-claims.ts'
export {
  digestSecret,
  formatKey,
  generateId,
  generateSecret,
  isCredentialId,
  isKeyPrefix,
  type KeyKind,
  keyKindOf,
  type ParsedKey,
  parseKey,
  prefixOfKind,
} from './key.ts'
export { ACCESS_TOKEN_TYPE } from './kinds/access-token.ts'
export { passwordName } from './kinds/basic.ts'
export { KINDS } from './kinds/kinds.ts'
export { LeasedLimiter, type LeasedLimiterOptions } from './leased-limiter.ts'
export { stateProblem, timeProblem } from './life.ts'
export {
  type AppliedLimit,
  type Limiter,
  type LimitOwner,
  type LimitResult,
  type LimitState,
  LimitUnavailable,
} from './limit.ts'
export { CLOCK_SKEW_MS, limitProblem, REORDER_MS } from './limit-arithmetic.ts'
export type {
  Leased,
  LeaseResult,
  LimitAuthority,
  SharedLimit,
  Unused,
  Wanted,
} from './limit-authority.ts'
export { MemoryAuthority, type MemoryAuthorityOptions } from './memory-authority.ts'
export { MemoryLimiter, type MemoryLimiterOptions } from './memory-limiter.ts'
export { MemoryReplayGuard, type MemoryReplayGuardOptions } from './memory-replay-guard.ts'
export type { SignedRequest } from './message-component.ts'
export {
  MESSAGE_ALGORITHMS,
  type MessageAlgorithm,
  type SignatureParameters,
} from './message-signature.ts'
export { NO_OWN_TOKENS, OwnTokens } from './own-tokens.ts'
export {
  type PasswordAttempt,
  PasswordCheck,
  type PasswordCheckOptions,
  type PasswordOutcome,
} from './password-check.ts'
export {
  type Argon2Cost,
  type Argon2id,
  CURRENT_COST,
  decoyDigest,
  digestPassword,
  matchingDigest,
  needsUpgrade,
  nodeArgon2id,
} from './password-digest.ts'
export {
  type CommonPasswords,
  PASSWORD_LENGTH,
  type PasswordContext,
  passwordProblem,
  preparePassword,
} from './password-rules.ts'
export type { Passwords, Usernames } from './passwords.ts'
export { matchPath, type PathPattern, parsePathPattern } from './path-pattern.ts'
export { effectiveScopes, roleIdsFor, scopesOfGrants } from './permission.ts'
export type {
  ContentRefusal,
  PresentedCertificate,
  PresentedUri,
  Presenter,
} from './presenter.ts'
export { ProofCache } from './proof-cache.ts'
export { PROOF_WINDOW, type ProofWindow, type Redeemable } from './proof-window.ts'
export {
  type ApiRecord,
  type Binding,
  type Conditions,
  CREDENTIAL_KINDS,
  CREDENTIAL_STATES,
  type CredentialKind,
  type CredentialRecord,
  type CredentialState,
  type Credits,
  type Grant,
  type IssuerDecryption,
  type IssuerKeySource,
  type IssuerRecord,
  type IssuerToken,
  type Limit,
  type Metadata,
  PRINCIPAL_TYPES,
  type PrincipalRecord,
  type PrincipalType,
  QUOTA_PERIODS,
  type Quota,
  type RateLimit,
  type Records,
  type RevokedPrincipal,
  type RevokedToken,
  type RoleRecord,
  type Route,
  type SecretVersion,
  SIGNING_KEY_STATES,
  type SigningKeyRecord,
  type SigningKeyState,
  STANDING_ALONE,
  TABLE_NAMES,
  type TableName,
  type TimeWindow,
  type WorkspaceRecord,
} from './records.ts'
export {
  type HttpAnswer,
  limitHeaders,
  limitLines,
  PROBLEM_JSON,
  type Refusal,
  refusalAnswer,
} from './refusal.ts'
export { type Redemption, type ReplayGuard, ReplayUnavailable, redemptionDigest } from './replay-guard.ts'
export {
  CREDENTIAL_STATUSES,
  type CredentialStatus,
  disabled,
  enabled,
  MAX_VERSIONS,
  nextVersion,
  type Rotation,
  redigested,
  revoked,
  rotated,
  statusOf,
  type Transition,
  VERSION_STATUSES,
  type VersionStatus,
  versionRevoked,
  versionStatusOf,
} from './rotate.ts'
export { compileRoutes, type RouteMatch, type RouteTable, routeProblem } from './route.ts'
export { routeTableOf } from './route-for.ts'
export {
  anyCovers,
  coversAll,
  intersectScopes,
  isScope,
  isScopePattern,
  missingScopes,
  parseScopeExpression,
  type ScopeExpression,
  satisfies,
  scopeCovers,
  scopesNamed,
} from './scope.ts'
export { openDigest, type SealContext, type SealingKeys, sealDigest } from './seal.ts'
export { signingKeyOf } from './signature-binding.ts'
export {
  cachedSigningKey,
  isTrusted,
  openSigningKey,
  publicJwkOf,
  type SigningKey,
  sealSigningKey,
} from './signing-key.ts'
export { SourceBudget, type SourceBudgetOptions } from './source-budget.ts'
export { parseStrictJson, type StrictJson } from './strict-json.ts'
export { canonicalTarget } from './target.ts'
export {
  type IssuerCandidate,
  type IssuerKeySet,
  NO_ISSUERS,
  type TrustedIssuers,
} from './trusted-issuers.ts'
export {
  type Challenge,
  challengeFor,
  type DenialCode,
  problemType,
  publicCode,
  VERDICT_CODES,
  VERDICTS,
  type VerdictCode,
} from './verdict.ts'
export { verify, verifyAll, verifyNow } from './verify.ts'
export type { Verifier, VerifyRequest } from './verify-request.ts'
export { hashesAtOnce, WorkPool, type WorkPoolOptions } from './work-pool.ts'
