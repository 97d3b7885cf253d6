import type { HttpScheme } from './http-uri.ts'
import type { DenialCode } from './verdict.ts'

/**
 * Whoever presents a credential (RFC 7800 section 2), as far as its transport knows: what a proof is held against, the
 * request's headers aside. Asked about bound credentials, and where nothing else is presented and client keys are taken: it
 * costs all others nothing.
 */
export interface Presenter {
  /** The request's URI as its client knows it: by configuration, or by the word of a trusted proxy. */
  readonly uri: () => PresentedUri
  /** The client certificate, of the connection or by the word of a trusted proxy. */
  readonly certificate: () => PresentedCertificate
  /** Whether the request has content, of whatever length. */
  readonly hasContent: () => boolean
  /** The content as it came, whole; asked only where a signature covers its digest. */
  readonly content: () => Promise<Uint8Array | ContentRefusal>
}

export type PresentedUri =
  | {
      readonly known: true
      readonly scheme: HttpScheme
      readonly authority: string
      /** Path and query, in the client's own spelling. */
      readonly target: string
      /** The setting, or whatever else, that says so: for whoever looks for why a proof is of another URI. */
      readonly saidBy: string
    }
  /** `problem` names the setting that would say. */
  | { readonly known: false; readonly problem: string }

export type PresentedCertificate =
  | {
      readonly type: 'shown'
      /** `x5t#S256` (RFC 8705 section 3.1). */
      readonly thumbprint: string
    }
  /** `detail` says where it was looked for. */
  | { readonly type: 'none'; readonly detail: string }
  | { readonly type: 'refused'; readonly code: DenialCode; readonly detail: string }

/** The content is not there to be digested, or too much of it. */
export interface ContentRefusal {
  readonly code: DenialCode
  readonly detail: string
}
