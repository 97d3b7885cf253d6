/**
 * The SDK where there is no Node: Workers, Bun, Deno, edge functions. No file that this one reaches imports `node:`;
 * there is no environment to read from, so address and key are given.
 */
export {
  type AuthenticatedFetch,
  type AuthenticatedFetchOptions,
  authenticatedFetch,
} from './authenticated-fetch.ts'
export type { Caller } from './caller.ts'
export { type Client, type ClientOptions, createClient } from './client.ts'
export type { CallOptions, ChangeOptions, RepeatableOptions } from './client-operations.ts'
export { CredenceError, type LocalCode } from './credence-error.ts'
export type { DpopKey, PrivateJwk } from './dpop-proof.ts'
export type { SenderOf } from './fetch-guard.ts'
export { createGuard, type Guard, type GuardOptions, type Scopes } from './guard.ts'
export type { Sender } from './guarded-request.ts'
export type { KeySource } from './key-source.ts'
export type { Listing, Page } from './listing.ts'
export type { MiddlewareOptions, RouteOptions } from './node-guard.ts'
export type {
  Api,
  AuditEntry,
  Conditions,
  Credential,
  Decision,
  Grant,
  GrantInput,
  IssuedCredential,
  Limit,
  Principal,
  Problem,
  ProblemCode,
  RevokedCredential,
  Role,
  Route,
  SecretVersion,
  Status,
  Verdict,
  VerdictCode,
  Workspace,
} from './openapi.ts'
