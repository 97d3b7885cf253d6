import type { Address } from './caller.ts'
import type { ProxyProcess } from './proxy-process.ts'
import type { Site } from './site.ts'

/** How a test changes what the guide says; the guide's own: not at all. */
export type Change = (configuration: string) => string

export interface Surroundings {
  /** Puts `site.crt` and `site.key` into the proxy's folder. */
  readonly certificate: (folder: string) => void
  readonly upstreamPort: number
  readonly credencePort: number
  readonly change: Change
}

/** Starts a kind of proxy with its guide's configuration. */
export type Start = (surroundings: Surroundings) => Promise<ProxyProcess>

/** A running proxy before a site. */
export interface Door extends Address {
  readonly site: Site
  readonly proxy: ProxyProcess
}
