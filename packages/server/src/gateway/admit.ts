import type { IncomingMessage } from 'node:http'
import {
  type ApiRecord,
  canonicalTarget,
  type Decision,
  FAULTS,
  type HttpAnswer,
  LookupUnavailable,
  refuse,
} from '@credence/core'
import type { Context } from '../context.ts'
import { type Asked, decideAll, observe } from '../decide.ts'
import { certificateFinder } from '../doors/client-certificate.ts'
import { clientFinder, type Peer, peerFinder } from '../doors/peer.ts'
import { answerTo, faultAnswer } from '../doors/problem.ts'
import type { Checked } from './checked.ts'
import { type GatewayDoor, GatewayPresenter } from './gateway-presenter.ts'
import { isMountedAt, type MountTable, pathBehindMount } from './mount-table.ts'
import { framingOf } from './request-framing.ts'

/** A request that may pass: what is forwarded, where to, and on whose behalf. */
export interface Admitted {
  readonly type: 'admitted'
  readonly requestId: string
  readonly peer: Peer
  readonly decision: Decision
  readonly api: ApiRecord
  readonly upstream: string
  /** Exactly what was authorized. */
  readonly path: string
  readonly query: string
  readonly host: string | null
  /** Bytes as stated; null: chunked, or no body. */
  readonly contentLength: number | null
  readonly hasBody: boolean
  /** The content, where it has been read already; null: it is yet to come, or there is none. */
  readonly held: Buffer | null
}

export interface Refused {
  readonly type: 'refused'
  readonly requestId: string
  readonly answer: HttpAnswer
  /** Bytes of body that nobody will read; Infinity: not known. */
  readonly unreadBytes: number
  /** True when the request was not well formed: nothing that follows on this connection can be trusted. */
  readonly closes: boolean
}

export type Admission = Admitted | Refused

/** A request for an API that is mounted here, not decided yet. */
export interface Admissible extends Asked {
  readonly type: 'admissible'
  readonly checked: Checked
  readonly mounted: ApiRecord
  readonly presenter: GatewayPresenter
}

/** From a request's head to the decision about it: framing, target, mount, verify. Fails on faults of ours only. */
export class Admissions {
  readonly #context: Context
  readonly #mounts: MountTable
  readonly #peerOf: ReturnType<typeof peerFinder>
  readonly #clientOf: ReturnType<typeof clientFinder>
  readonly #door: GatewayDoor
  #loading: Promise<void> | null = null

  /** @param expectContent told when a caller's content is waited for */
  constructor(context: Context, mounts: MountTable, expectContent: GatewayDoor['expectContent']) {
    this.#context = context
    this.#mounts = mounts
    this.#peerOf = peerFinder(context.config.trustedProxies)
    this.#clientOf = clientFinder(context.config.trustedProxies)
    this.#door = { context, certificateOf: certificateFinder(context.config), expectContent }
  }

  /** Reads the head, at once: what comes behind a malformed one on its connection must not be served. */
  check(request: IncomingMessage, askForContent: () => void): Checked | Refused {
    const requestId = this.#context.newRequestId()
    const peer = this.#peerOf(request.socket)
    const client = this.#clientOf(peer, request.rawHeaders)
    const facts = { method: request.method!, path: null, ip: client.ip, headers: request.rawHeaders }
    const framing = framingOf(request)
    if (!framing.ok) return this.#refuseMalformed(requestId, facts, framing.problem)
    const target = canonicalTarget(request.url!)
    if (!target.ok) return this.#refuseMalformed(requestId, facts, target.problem)
    return { type: 'checked', request, requestId, peer, client, framing, target, askForContent }
  }

  /** What verify is to decide about; at once where nothing has to be read. Or the refusal where no API is mounted. */
  ask(checked: Checked): Admissible | Refused | Promise<Admissible | Refused> {
    const { request, requestId, client, framing, target } = checked
    const mounted = this.#mountedNow(framing.host, target.path)
    if (mounted !== undefined) return this.#askAt(mounted, checked)
    return this.#mounted(framing.host, target.path).then(
      (api) => this.#askAt(api, checked),
      (error: unknown) => {
        if (!(error instanceof LookupUnavailable)) throw error
        const decision = refuse(null, 'route', 'UNAVAILABLE', 'the store cannot be read')
        const { method, rawHeaders } = request
        const facts = { method: method!, path: target.path, ip: client.ip, headers: rawHeaders }
        return this.#refuse(requestId, facts, decision, unreadBytesOf(framing))
      },
    )
  }

  /** The decisions about what was asked, in its order; at once where nothing has to be read. */
  decideAll(all: readonly Admissible[]): (Admission | Promise<Admission>)[] {
    const deciding = decideAll(this.#context, all)
    return deciding.map((decision, at) =>
      decision instanceof Promise
        ? decision.then((later) => admissionOf(all[at]!, later))
        : admissionOf(all[at]!, decision),
    )
  }

  async admit(checked: Checked): Promise<Admission> {
    const asked = await this.ask(checked)
    return asked.type === 'refused' ? asked : this.decideAll([asked])[0]!
  }

  #askAt(mounted: ApiRecord | null, checked: Checked): Admissible | Refused {
    const { request, requestId, client, framing, target } = checked
    if (mounted === null) return noApiHere(requestId, unreadBytesOf(framing))
    const presenter = new GatewayPresenter(this.#door, checked, mounted)
    return {
      type: 'admissible',
      checked,
      mounted,
      presenter,
      asking: { requestId, via: 'gateway', workspaceId: mounted.workspaceId },
      request: {
        api: mounted,
        homeApiId: null,
        credential: null,
        headers: request.rawHeaders,
        query: target.query,
        method: request.method!,
        path: pathBehindMount(mounted, target.path),
        ip: client.ip,
        secure: client.secure,
        useRoutes: true,
        scopes: null,
        cost: null,
        fresh: false,
        presenter,
      },
    }
  }

  /** The record of the API mounted here, null where none is; undefined: that has to be read. */
  #mountedNow(host: string | null, path: string): ApiRecord | null | undefined {
    // Without the lease, mounts may have changed unseen.
    if (!this.#context.follower.holds()) return undefined
    const id = this.#mounts.find(host, path)
    if (id === null) return null
    const api = this.#context.lookup.peek('api', id)
    return api === undefined || isMountedAt(api, host, path) ? api : null
  }

  /** The record of the API mounted here; null: none is. @throws LookupUnavailable */
  async #mounted(host: string | null, path: string): Promise<ApiRecord | null> {
    const { lookup, follower } = this.#context
    try {
      // Without the lease, mounts may have changed unseen.
      if (!follower.holds()) await this.#loadDirectory()
      const id = this.#mounts.find(host, path)
      if (id === null) return null
      const api = lookup.peek('api', id) ?? (await lookup.read('api', id))
      return api !== undefined && isMountedAt(api, host, path) ? api : null
    } catch (error) {
      const known = this.#mounts.find(host, path)
      const api = known === null ? undefined : lookup.apiInGrace(known)
      if (!(error instanceof LookupUnavailable) || api === undefined) throw error
      return api
    }
  }

  /** Those who ask while the directory is being read share the reading. */
  async #loadDirectory(): Promise<void> {
    this.#loading ??= this.#context.directory.load().finally(() => {
      this.#loading = null
    })
    try {
      await this.#loading
    } catch (cause) {
      throw new LookupUnavailable('The APIs could not be read', { cause })
    }
  }

  #refuseMalformed(requestId: string, facts: Facts, problem: string): Refused {
    const decision = refuse(null, 'request', 'BAD_REQUEST', problem)
    return { ...this.#refuse(requestId, facts, decision, 0), closes: true }
  }

  #refuse(requestId: string, facts: Facts, decision: Decision, unreadBytes: number): Refused {
    const asking = { requestId, via: 'gateway', workspaceId: this.#context.defaultWorkspaceId } as const
    observe(this.#context, asking, facts, decision, 0)
    return { type: 'refused', requestId, answer: answerTo(decision, requestId), unreadBytes, closes: false }
  }
}

type Facts = Parameters<typeof observe>[2]

function admissionOf(
  { checked, presenter, mounted, request: { path } }: Admissible,
  decision: Decision,
): Admission {
  const { request, requestId, peer, framing, target } = checked
  const { held } = presenter
  if (decision.code !== 'VALID') {
    const answer = answerTo(decision, requestId)
    // What was read already is not drained.
    const unreadBytes = request.complete && held !== null ? 0 : unreadBytesOf(framing)
    return { type: 'refused', requestId, answer, unreadBytes, closes: false }
  }
  return {
    type: 'admitted',
    requestId,
    peer,
    decision,
    api: decision.api ?? mounted,
    upstream: mounted.upstream!,
    path: path!,
    query: target.query,
    host: framing.host,
    contentLength: framing.contentLength,
    hasBody: framing.hasBody,
    held,
  }
}

/** Bytes of body that come with a request, whether or not somebody reads them. */
function unreadBytesOf({ hasBody, contentLength }: Checked['framing']): number {
  return hasBody ? (contentLength ?? Number.POSITIVE_INFINITY) : 0
}

function noApiHere(requestId: string, unreadBytes: number): Refused {
  const answer = faultAnswer('NO_UPSTREAM', FAULTS.NO_UPSTREAM.meaning, requestId)
  return { type: 'refused', requestId, answer, unreadBytes, closes: false }
}
