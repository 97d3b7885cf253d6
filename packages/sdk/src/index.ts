/** The SDK on Node: address and key come out of the environment where they are not given, keys also out of files. */
export {
  type AuthenticatedFetch,
  type AuthenticatedFetchOptions,
  authenticatedFetch,
} from './authenticated-fetch.ts'
export type { Caller } from './caller.ts'
export type { Client } from './client.ts'
export type { CallOptions, ChangeOptions, RepeatableOptions } from './client-operations.ts'
export { CredenceError, type LocalCode } from './credence-error.ts'
export type { DpopKey, PrivateJwk } from './dpop-proof.ts'
export type { SenderOf } from './fetch-guard.ts'
export type { Scopes } from './guard.ts'
export type { Sender } from './guarded-request.ts'
export { keyFile } from './key-file.ts'
export type { KeySource } from './key-source.ts'
export type { Listing, Page } from './listing.ts'
export type { MiddlewareOptions, RouteOptions } from './node-guard.ts'
export {
  createClient,
  createGuard,
  type Guard,
  type GuardOptions,
  type NodeClientOptions as ClientOptions,
} from './on-node.ts'
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
