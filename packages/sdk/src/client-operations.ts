import { Listing, type Page } from './listing.ts'
import type { OperationId, Operations } from './openapi.ts'

export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface RepeatableOptions extends CallOptions {
  /** What to send instead of a random one: within 24 hours the same key gives what the first request made. */
  readonly idempotencyKey?: string
}

export interface ChangeOptions extends CallOptions {
  /** The `revision` last seen: PRECONDITION_FAILED where somebody else wrote since. */
  readonly revision?: number
}

export type Query<Id extends OperationId> = NonNullable<Operations[Id]['query']>
export type Body<Id extends OperationId> = NonNullable<Operations[Id]['body']>
/** Null where the answer is empty. */
export type Result<Id extends OperationId> = Operations[Id]['answer']

/** What an operation is given: nothing where it takes nothing. */
export type Input<Id extends OperationId> = Given<'params', Operations[Id]['params']> &
  Given<'query', Operations[Id]['query']> &
  Given<'body', Operations[Id]['body']>

type Given<Name extends string, Value> = Value extends null ? unknown : { readonly [N in Name]: Value }

/** Calls one operation of the OpenAPI document. */
export type CallOperation = <Id extends OperationId>(
  id: Id,
  input: Input<Id>,
  options?: RepeatableOptions & ChangeOptions,
) => Promise<Result<Id>>

/** Every operation of the server, each a method. What it takes and answers is in the server's reference (`/docs`). */
export function clientOperations(call: CallOperation) {
  return {
    workspaces: {
      create: (body: Body<'createWorkspace'>, options?: RepeatableOptions) =>
        call('createWorkspace', { body }, options),
      list: (query: Query<'listWorkspaces'> = {}, options?: CallOptions) =>
        listing(query, (page) => call('listWorkspaces', { query: page }, options)),
      show: (ref: string, options?: CallOptions) => call('showWorkspace', { params: { ref } }, options),
      update: (ref: string, body: Body<'updateWorkspace'>, options?: ChangeOptions) =>
        call('updateWorkspace', { params: { ref }, body }, options),
      delete: (ref: string, options?: ChangeOptions) => call('deleteWorkspace', { params: { ref } }, options),
    },
    apis: {
      create: (body: Body<'createApi'>, options?: RepeatableOptions) => call('createApi', { body }, options),
      list: (query: Query<'listApis'> = {}, options?: CallOptions) =>
        listing(query, (page) => call('listApis', { query: page }, options)),
      show: (ref: string, options?: CallOptions) => call('showApi', { params: { ref } }, options),
      update: (ref: string, body: Body<'updateApi'>, options?: ChangeOptions) =>
        call('updateApi', { params: { ref }, body }, options),
      delete: (ref: string, options?: ChangeOptions) => call('deleteApi', { params: { ref } }, options),
    },
    principals: {
      create: (body: Body<'createPrincipal'>, options?: RepeatableOptions) =>
        call('createPrincipal', { body }, options),
      list: (query: Query<'listPrincipals'> = {}, options?: CallOptions) =>
        listing(query, (page) => call('listPrincipals', { query: page }, options)),
      show: (ref: string, options?: CallOptions) => call('showPrincipal', { params: { ref } }, options),
      update: (ref: string, body: Body<'updatePrincipal'>, options?: ChangeOptions) =>
        call('updatePrincipal', { params: { ref }, body }, options),
      delete: (ref: string, options?: ChangeOptions) => call('deletePrincipal', { params: { ref } }, options),
    },
    roles: {
      create: (body: Body<'createRole'>, options?: RepeatableOptions) =>
        call('createRole', { body }, options),
      list: (query: Query<'listRoles'> = {}, options?: CallOptions) =>
        listing(query, (page) => call('listRoles', { query: page }, options)),
      show: (ref: string, options?: CallOptions) => call('showRole', { params: { ref } }, options),
      update: (ref: string, body: Body<'updateRole'>, options?: ChangeOptions) =>
        call('updateRole', { params: { ref }, body }, options),
      delete: (ref: string, options?: ChangeOptions) => call('deleteRole', { params: { ref } }, options),
    },
    credentials: {
      /** The secret is in this answer and nowhere else; it is null where the same request was answered before. */
      issue: (body: Body<'issueCredential'>, options?: RepeatableOptions) =>
        call('issueCredential', { body }, options),
      list: (query: Query<'listCredentials'> = {}, options?: CallOptions) =>
        listing(query, (page) => call('listCredentials', { query: page }, options)),
      show: (id: string, options?: CallOptions) => call('showCredential', { params: { id } }, options),
      update: (id: string, body: Body<'updateCredential'>, options?: ChangeOptions) =>
        call('updateCredential', { params: { id }, body }, options),
      delete: (id: string, options?: ChangeOptions) => call('deleteCredential', { params: { id } }, options),
      rotate: (id: string, body: Body<'rotateCredential'> = {}, options?: RepeatableOptions) =>
        call('rotateCredential', { params: { id }, body }, options),
      revoke: (id: string, body: Body<'revokeCredential'> = {}, options?: RepeatableOptions) =>
        call('revokeCredential', { params: { id }, body }, options),
      revokeVersion: (
        id: string,
        version: number,
        body: Body<'revokeCredentialVersion'> = {},
        options?: RepeatableOptions,
      ) => call('revokeCredentialVersion', { params: { id, version }, body }, options),
      disable: (id: string, body: Body<'disableCredential'> = {}, options?: RepeatableOptions) =>
        call('disableCredential', { params: { id }, body }, options),
      enable: (id: string, options?: RepeatableOptions) =>
        call('enableCredential', { params: { id }, body: {} }, options),
    },
    issuers: {
      create: (body: Body<'createIssuer'>, options?: RepeatableOptions) =>
        call('createIssuer', { body }, options),
      list: (query: Query<'listIssuers'> = {}, options?: CallOptions) =>
        listing(query, (page) => call('listIssuers', { query: page }, options)),
      show: (ref: string, options?: CallOptions) => call('showIssuer', { params: { ref } }, options),
      update: (ref: string, body: Body<'updateIssuer'>, options?: ChangeOptions) =>
        call('updateIssuer', { params: { ref }, body }, options),
      delete: (ref: string, options?: ChangeOptions) => call('deleteIssuer', { params: { ref } }, options),
      /** One token by its `jti`, or all from before a moment. */
      revoke: (ref: string, body: Body<'revokeTokens'>, options?: RepeatableOptions) =>
        call('revokeTokens', { params: { ref }, body }, options),
    },
    /** A narrower, shorter credential for the one whose key this client has. */
    tokens: {
      issue: (body: Body<'issueToken'>, options?: RepeatableOptions) => call('issueToken', { body }, options),
    },
    /** With which keys the server signs tokens. */
    signingKeys: {
      list: (options?: CallOptions) => call('listSigningKeys', {}, options),
      /** Sent once: a repetition would rotate again. */
      rotate: (body: Body<'rotateSigningKeys'> = {}, options?: CallOptions) =>
        call('rotateSigningKeys', { body }, options),
    },
    /** The credential whose key this client has. */
    self: {
      show: (options?: CallOptions) => call('showSelf', {}, options),
      rotate: (body: Body<'rotateSelf'> = {}, options?: RepeatableOptions) =>
        call('rotateSelf', { body }, options),
      /** Sent once: the key is refused afterwards, so a repetition could not be told from a failure. */
      revoke: (body: Body<'revokeSelf'> = {}, options?: CallOptions) => call('revokeSelf', { body }, options),
    },
    /** Sent once: it takes from limits. */
    verify: (body: Body<'verify'>, options?: CallOptions) => call('verify', { body }, options),
    decisions: {
      /** The last ones, on one page. */
      list: (query: Query<'listDecisions'> = {}, options?: CallOptions) =>
        listing<Result<'listDecisions'>, Query<'listDecisions'> & { readonly cursor?: string }>(
          query,
          (page) => call('listDecisions', { query: page }, options),
        ),
      /** Why a decision came out as it did. */
      show: (requestId: string, options?: CallOptions) =>
        call('showDecision', { params: { request_id: requestId } }, options),
    },
    audit: {
      list: (query: Query<'listAudit'> = {}, options?: CallOptions) =>
        listing(query, (page) => call('listAudit', { query: page }, options)),
    },
    status: (options?: CallOptions) => call('showStatus', {}, options),
  }
}

function listing<Answer extends Page<unknown>, Q extends { readonly cursor?: string }>(
  query: Q,
  read: (query: Q) => Promise<Answer>,
): Listing<Answer['items'][number]> {
  const { cursor: start } = query
  return new Listing((cursor) => read(cursor === undefined ? query : { ...query, cursor }), start)
}
