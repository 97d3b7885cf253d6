import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { Duplex } from 'node:stream'
import { FAULTS, type FaultCode } from '@credence/core'
import type { ListenerTls } from '../client-ca.ts'
import type { Context } from '../context.ts'
import { faultAnswer } from '../doors/problem.ts'
import { isOfTls } from '../doors/tls-error.ts'
import { handleTogether, type Steps } from '../doors/together.ts'
import { atEndOfTurn } from '../doors/turn.ts'
import { type Resolve, resolveAll, upstreamRulesFor } from '../upstream-guard.ts'
import { type Admissible, type Admission, Admissions, type Admitted, type Refused } from './admit.ts'
import { answerBytes, sendAnswer } from './answer.ts'
import type { Checked } from './checked.ts'
import { type Ending, type Exchange, forward } from './forward.ts'
import { MountTable } from './mount-table.ts'
import { OVERDUE_CHECK_MS, serverOptionsOf } from './server-options.ts'
import { SlowCallers } from './slow-callers.ts'
import { SlowUpstreams } from './slow-upstreams.ts'
import { openTunnel, responseOn } from './tunnel.ts'
import { UpstreamPools } from './upstream-pools.ts'

export interface GatewayOptions {
  /** PEM texts; null: plain HTTP. */
  readonly tls: ListenerTls | null
  /** How names of upstreams are resolved; the system's resolver when left out. */
  readonly resolve?: Resolve
}

/** A request whose head was read, until it is decided about. */
interface Arrived {
  readonly checked: Checked
  readonly response: ServerResponse
  /** Whether the caller waits for 100 Continue. */
  readonly expects: boolean
}

/** A caller of whom no content is to come. */
const NOTHING_TO_ASK = () => {}

/** A response that is silent for longer is given up. Streams of events send a comment more often than that. */
const SILENCE_MS = 300_000

/** While shutting down: how often connections that have become idle are closed. */
const IDLE_CHECK_MS = 50

/**
 * The gateway's own listener, on bare node:http: each request is verified and forwarded to its API's upstream.
 * Whoever made it calls `server.listen`, and `close` at the end.
 */
export class Gateway {
  readonly server: Server | TlsServer
  readonly #context: Context
  readonly #pools: UpstreamPools
  readonly #admissions: Admissions
  readonly #slowCallers: SlowCallers
  readonly #slowUpstreams: SlowUpstreams
  readonly #tunnels = new Set<Duplex>()
  /** The newest answer on each connection; answers go out in order, so the others end before it does. */
  readonly #answering = new WeakMap<Socket, ServerResponse>()
  /** Connections on which a malformed request came: nothing behind it can be told apart. */
  readonly #ended = new WeakSet<Socket>()
  readonly #finish = atEndOfTurn<Ending>((all) => {
    for (const ending of all) endWhole(ending)
  })
  readonly #keepsAlive = () => !this.#isClosing
  readonly #steps: Steps<Arrived, Admissible, Admission> = {
    read: (one) => this.#read(one),
    decideAll: (admissible) => this.#admissions.decideAll(admissible),
    answer: (one, admission) => this.#proceed(one, admission),
    fail: ({ checked, response }, error) => this.#fail(checked.request, response, error),
  }
  #isClosing = false

  constructor(context: Context, options: GatewayOptions) {
    const { config, directory } = context
    this.#context = context
    this.#pools = new UpstreamPools({
      rulesFor: (workspaceId) => upstreamRulesFor(context, workspaceId),
      resolve: options.resolve ?? resolveAll,
      connectMs: config.gatewayUpstreamTimeoutSeconds * 1000,
    })
    const mounts = new MountTable(directory, (origins) => this.#pools.retain(origins))
    this.#slowCallers = slowCallersOf(context)
    this.#slowUpstreams = new SlowUpstreams({
      headMs: config.gatewayUpstreamTimeoutSeconds * 1000,
      bodyMs: SILENCE_MS,
      checkEveryMs: OVERDUE_CHECK_MS,
    })
    this.#admissions = new Admissions(context, mounts, (request) => this.#slowCallers.expectBody(request))
    const serverOptions = serverOptionsOf(context.config)
    const { tls } = options
    this.server = tls === null ? createServer(serverOptions) : createTlsServer({ ...serverOptions, ...tls })
    this.server.on(tls === null ? 'connection' : 'secureConnection', (socket: Socket) =>
      this.#slowCallers.watch(socket),
    )
    this.#listen(this.server)
  }

  #listen(server: Server | TlsServer): void {
    // No header is ever silently left out; the bound is on bytes.
    server.maxHeadersCount = 0
    const handle = atEndOfTurn<Arrived>((all) => handleTogether(all, this.#steps))
    const arrive = (request: IncomingMessage, response: ServerResponse, expects: boolean) => {
      this.#answering.set(request.socket, response)
      const checked = this.#check(request, onceAsked(response, expects))
      if (checked?.type === 'checked') handle({ checked, response, expects })
      else if (checked !== null) this.#refuse(request, response, checked, expects)
    }
    server.on('request', (request, response) => arrive(request, response, false))
    // Only what may pass is asked to send its body.
    server.on('checkContinue', (request, response) => arrive(request, response, true))
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      void this.#handleUpgrade(request, socket, head)
    })
    server.on('connect', (_request: IncomingMessage, socket: Socket) =>
      this.#refuseBytes(socket, 'INVALID_REQUEST'),
    )
    const check = setInterval(() => {
      this.#slowCallers.check()
      this.#slowUpstreams.check()
    }, OVERDUE_CHECK_MS)
    check.unref()
    server.on('close', () => clearInterval(check))
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      this.#refuseUnread(error, socket),
    )
  }

  /** Stops listening, lets what is in flight finish for at most `drainSeconds`, then cuts what is left. */
  async close(): Promise<void> {
    this.#isClosing = true
    const { server } = this
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    const overdue = setTimeout(() => {
      server.closeAllConnections()
      for (const socket of this.#tunnels) socket.destroy()
    }, this.#context.config.drainSeconds * 1000)
    // A connection whose last answer began before the end is kept alive by it; it is idle now.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS)
    await closed
    clearTimeout(overdue)
    clearInterval(idle)
    await this.#pools.destroy()
  }

  /** Null: the request stands behind a malformed one, whose answer ends the connection. */
  #check(request: IncomingMessage, askForContent: () => void): Checked | Refused | null {
    if (this.#ended.has(request.socket)) return null
    const checked = this.#admissions.check(request, askForContent)
    if (checked.type === 'refused') this.#ended.add(request.socket)
    return checked
  }

  /** What it asks for; null: it is refused already. */
  #read(one: Arrived): Admissible | null | Promise<Admissible | null> {
    const asked = this.#admissions.ask(one.checked)
    return asked instanceof Promise
      ? asked.then((later) => this.#openOf(one, later))
      : this.#openOf(one, asked)
  }

  #openOf(one: Arrived, asked: Admissible | Refused): Admissible | null {
    if (asked.type === 'admissible') return asked
    this.#proceed(one, asked)
    return null
  }

  #proceed({ checked, response, expects }: Arrived, admission: Admission): void {
    const { request } = checked
    if (admission.type === 'refused') {
      this.#refuse(request, response, admission, expects)
      return
    }
    if (response.destroyed) return
    checked.askForContent()
    forward(
      this.#exchange(request, response, admission),
      this.#pools.get(admission.api.workspaceId, admission.upstream),
    )
  }

  async #handleUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy())
    const checked = this.#check(request, NOTHING_TO_ASK)
    // What comes from now on is no longer HTTP, so an earlier request cannot be answered on this connection.
    if (checked === null || this.#answering.get(socket)?.writableFinished === false) {
      socket.destroy()
      return
    }
    const response = responseOn(socket, request)
    try {
      const admission = checked.type === 'refused' ? checked : await this.#admissions.admit(checked)
      if (admission.type === 'refused') this.#refuse(request, response, admission, false)
      else if (!socket.destroyed) {
        const pool = this.#pools.get(admission.api.workspaceId, admission.upstream)
        openTunnel(this.#exchange(request, response, admission), pool, head, (tunnel) => this.#track(tunnel))
      }
    } catch (error) {
      this.#fail(request, response, error)
    }
  }

  #exchange(request: IncomingMessage, response: ServerResponse, admitted: Admitted): Exchange {
    return {
      context: this.#context,
      request,
      response,
      admitted,
      keepsAlive: this.#keepsAlive,
      slowCallers: this.#slowCallers,
      slowUpstreams: this.#slowUpstreams,
      finish: this.#finish,
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, refused: Refused, expects: boolean): void {
    const { answer, unreadBytes } = refused
    this.#context.metrics.responded('gateway', answer.status)
    sendAnswer(request, response, answer, { unreadBytes, closes: refused.closes || this.#isClosing, expects })
  }

  /** A fault of ours. */
  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const requestId = this.#context.newRequestId()
    this.#context.log.error({ err: error, request_id: requestId }, 'request failed')
    if (response.headersSent) {
      response.destroy()
      return
    }
    const answer = faultAnswer('INTERNAL', 'look into the log under this request id', requestId)
    this.#context.metrics.responded('gateway', answer.status)
    sendAnswer(request, response, answer, { unreadBytes: 0, closes: true, expects: false })
  }

  /** What Node's parser refuses never becomes a request. */
  #refuseUnread(error: NodeJS.ErrnoException, socket: Socket): void {
    if (error.code === 'ECONNRESET' || error.code === 'ERR_HTTP_REQUEST_TIMEOUT' || isOfTls(error)) {
      socket.destroy()
      return
    }
    this.#refuseBytes(socket, error.code === 'HPE_HEADER_OVERFLOW' ? 'HEADERS_TOO_LARGE' : 'INVALID_REQUEST')
  }

  #refuseBytes(socket: Socket, code: FaultCode): void {
    socket.on('error', () => socket.destroy())
    const answering = this.#answering.get(socket)
    if (answering !== undefined && !answering.writableFinished) {
      // Bytes of ours in the middle of an answer would be read as its rest. A good request that garbage follows
      // gets its answer, and the connection ends with it; one whose own body is broken has no answer to wait for.
      if (answering.req.complete) {
        answering.shouldKeepAlive = false
        answering.on('finish', () => socket.destroySoon())
      } else socket.destroy()
      return
    }
    if (!socket.writable) {
      socket.destroy()
      return
    }
    const answer = faultAnswer(code, FAULTS[code].meaning, this.#context.newRequestId())
    this.#context.metrics.responded('gateway', answer.status)
    socket.end(answerBytes(answer), () => socket.destroy())
  }

  #track(tunnel: Duplex): void {
    this.#tunnels.add(tunnel)
    tunnel.on('close', () => this.#tunnels.delete(tunnel))
  }
}

/**
 * Head and body in one piece. What end() is given Node sends with an empty piece behind it, in a slower way that takes
 * several; what is written before it goes out alone.
 */
function endWhole({ response, body }: Ending): void {
  const { socket } = response
  // Else Node waits for more to be written.
  socket?.cork()
  response.write(body, 'latin1')
  socket?.uncork()
  response.end()
}

/** Only what may pass, or what must be digested to know, is asked to send its body. */
function onceAsked(response: ServerResponse, expects: boolean): () => void {
  if (!expects) return NOTHING_TO_ASK
  let isAsked = false
  return () => {
    if (!isAsked) response.writeContinue()
    isAsked = true
  }
}

function slowCallersOf({ config, log }: Context): SlowCallers {
  const { gatewayStallSeconds, gatewaySlowestBytesPerSecond } = config
  return new SlowCallers({
    windowMs: gatewayStallSeconds * 1000,
    windowBytes: Math.max(1, gatewayStallSeconds * gatewaySlowestBytesPerSecond),
    checkEveryMs: OVERDUE_CHECK_MS,
    monotonic: () => performance.now(),
    onCut: (socket, what) =>
      log.info({ peer: socket.remoteAddress, what }, 'a caller was cut off: it was too slow'),
  })
}
