import type { Terminal, TextSink } from './terminal.ts'

export interface Paint {
  good(text: string): string
  bad(text: string): string
  warn(text: string): string
  dim(text: string): string
  bold(text: string): string
}

/** Colours for a stream: only where it is a terminal that has them, and never against NO_COLOR (no-color.org). */
export function paintFor(sink: TextSink, env: Terminal['env']): Paint {
  const colours = sink.isTty && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
  const inCode = (code: number) => (text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text)
  return { good: inCode(32), bad: inCode(31), warn: inCode(33), dim: inCode(2), bold: inCode(1) }
}
