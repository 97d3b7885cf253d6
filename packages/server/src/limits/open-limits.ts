import {
  LeasedLimiter,
  type LimitAuthority,
  type Limiter,
  MemoryLimiter,
  MemoryReplayGuard,
  type ReplayGuard,
} from '@credence/core'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { type CreditsParts, type OpenedCredits, openCredits } from './open-credits.ts'
import { openValkey } from './open-valkey.ts'
import type { QuotaCounters } from './saved-quotas.ts'

/** Whoever counts and remembers for several processes. */
export interface Shared {
  readonly authority: LimitAuthority
  readonly replayGuard: ReplayGuard
}

export interface LimitsParts extends CreditsParts {
  readonly config: Pick<Config, 'valkeyUrl' | 'limitCounters' | 'creditBlock'>
  /** Keeps installations apart that share a Valkey. */
  readonly installationId: string
  /** The primary process, where this is one of several of a machine; Valkey goes before it. Null: there is none. */
  readonly primary: Shared | null
  /** How many processes count together, as far as is known, this one included: 1 or more. */
  readonly nodes: () => number
  readonly random: () => number
  readonly log: Logger
  /** Calls back every so many milliseconds until the function it returns is called. */
  readonly every: (ms: number, callback: () => void) => () => void
}

/** How limits are counted, for the operator. */
export interface LimitsState {
  readonly countedBy: 'process' | 'primary' | 'valkey'
  /** Whether whoever counts for all is lost, so that this process counts alone. */
  readonly isDegraded: boolean
  /** Requests that were decided alone since the start. */
  readonly decidedAlone: number
}

export interface Limits {
  readonly limiter: Limiter
  readonly replayGuard: ReplayGuard
  /** The quotas to be saved and restored here; null: somebody else keeps them. */
  readonly quotas: QuotaCounters | null
  readonly state: () => LimitsState
  /** Gives back what is held, and lets go. */
  readonly close: () => Promise<void>
}

const TEND_EVERY_MS = 1000
/** Some 10 MB when full; beyond it, what was issued before is too old. */
export const MAX_REDEMPTIONS = 100_000

/** The limits of this process: in its own memory, or together with others by Valkey or the primary process. */
export async function openLimits(parts: LimitsParts): Promise<Limits> {
  const credits = openCredits(parts)
  if (parts.config.valkeyUrl === null) {
    return parts.primary === null
      ? countAlone(parts, credits)
      : countTogether(parts, credits, parts.primary, 'primary').limits
  }
  // Found, or found again: there is no need to wait for the next turn to try it.
  let tend = () => {}
  const valkey = await openValkey({ ...parts, address: parts.config.valkeyUrl, onReady: () => tend() })
  const together = countTogether(parts, credits, valkey, 'valkey')
  tend = together.tend
  await valkey.connect()
  const close = async () => {
    await together.limits.close()
    await valkey.close()
  }
  return { ...together.limits, close }
}

function countAlone({ config, clock, every, log }: LimitsParts, credits: OpenedCredits): Limits {
  const limiter = new MemoryLimiter({ maxCounters: config.limitCounters, ledger: credits.ledger })
  const stopTending = every(TEND_EVERY_MS, () => void settled(credits.tend(), log))
  return {
    limiter,
    replayGuard: new MemoryReplayGuard({ maxRedemptions: MAX_REDEMPTIONS, clock }),
    quotas: limiter,
    state: () => ({ countedBy: 'process', isDegraded: false, decidedAlone: 0 }),
    close: async () => {
      stopTending()
      await settled(credits.close(), log)
    },
  }
}

function countTogether(
  { config, nodes, clock, every, log }: LimitsParts,
  credits: OpenedCredits,
  { authority, replayGuard }: Shared,
  countedBy: 'primary' | 'valkey',
): { readonly limits: Limits; readonly tend: () => void } {
  const limiter = new LeasedLimiter({
    authority,
    ledger: credits.ledger,
    maxLimits: config.limitCounters,
    nodes,
    onLost: (error) => log.error({ err: error }, 'limits are counted by this process alone'),
    onBack: () => log.info('limits are counted together again'),
  })
  const tend = () => {
    void settled(limiter.tend(clock()), log)
    void settled(credits.tend(), log)
  }
  const stopTending = every(TEND_EVERY_MS, tend)
  const limits = {
    limiter,
    replayGuard,
    quotas: null,
    state: () => ({ countedBy, isDegraded: limiter.isDegraded, decidedAlone: limiter.decidedAlone }),
    close: async () => {
      stopTending()
      await settled(limiter.close(), log)
      await settled(credits.close(), log)
    },
  }
  return { limits, tend }
}

/** What fails here fails nobody's request: it is told, and done again at the next turn. */
async function settled(work: Promise<void>, log: Logger): Promise<void> {
  try {
    await work
  } catch (error) {
    log.error({ err: error }, 'limits that are held were not looked after')
  }
}
