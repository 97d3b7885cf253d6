/** One command of a transcript and the lines that the reader is shown below it. */
export interface Entry {
  /** As a shell takes it, continued lines included. */
  readonly command: string
  readonly lines: readonly string[]
}

/** The commands in the fenced blocks of a Markdown section, in order: a line after `$ ` and what follows it. */
export function readTranscript(markdown: string, heading: string): Entry[] {
  const section = markdown.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0]
  if (section === undefined) throw new Error(`there is no section ${heading}`)
  // A block in a language is no transcript, and its end no beginning of one.
  const shown = section.replace(/^```\w+\n[\s\S]*?^```$/gm, '')
  const blocks = [...shown.matchAll(/^```\n([\s\S]*?)^```$/gm)].map((match) => match[1]!)
  return blocks.flatMap((block) => block.split(/^\$ /m).slice(1)).map(readEntry)
}

function readEntry(text: string): Entry {
  const lines = text.split('\n').filter((line) => line !== '')
  const last = lines.findIndex((line) => !line.endsWith('\\'))
  return { command: lines.slice(0, last + 1).join('\n'), lines: lines.slice(last + 1) }
}

/** What varies between two runs: ids, moments, durations, versions of curl, and how wide a column is. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/5Hd8…/g, '[0-9A-Za-z]{12}'],
  [/"type":"…"/g, '"type":"[^"]+"'],
  [/"request_id":"r\d"/g, '"request_id":"[0-9A-Za-z]+"'],
  [/\d{4}-\d\d-\d\d/g, '\\d{4}-\\d\\d-\\d\\d'],
  // In the last hour of a day, what is an hour away is of another day, and told with that.
  [/\b\d\d:\d\d\b/g, '(?:\\d{4}-\\d\\d-\\d\\d )?\\d\\d:\\d\\d'],
  [/curl\/8\.5/g, 'curl/[0-9.]+'],
  [/in 59m/g, 'in \\d+m'],
  [/\d s ago/g, '(?:just now|\\d+ m?s ago)'],
  [/\d+(?:\.\d+)? m?s (?!ago)/g, '\\d+(?:\\.\\d+)? m?s '],
  [/\d+(?:\.\d+)? ms$/g, '\\d+(?:\\.\\d+)? m?s'],
]

/** What a line of the transcript allows: itself, but for what varies. */
export function lineLike(shown: string): RegExp {
  let rest = [{ text: shown, isPattern: false }]
  for (const [what, pattern] of VARYING) {
    rest = rest.flatMap((part) => (part.isPattern ? [part] : replaced(part.text, what, pattern)))
  }
  const parts = rest.map(({ text, isPattern }) =>
    isPattern ? text : text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/ {2,}/g, ' +'),
  )
  return new RegExp(`^${parts.join('')}\\s*$`)
}

function replaced(text: string, what: RegExp, pattern: string): { text: string; isPattern: boolean }[] {
  const kept = text.split(what)
  return kept.flatMap((part, i) =>
    i === 0
      ? [{ text: part, isPattern: false }]
      : [
          { text: pattern, isPattern: true },
          { text: part, isPattern: false },
        ],
  )
}

/** Null when every line is as the transcript shows it; else the first difference. */
export function difference(shown: readonly string[], printed: string): string | null {
  const lines = printed.split(/\r?\n/).filter((line) => line !== '')
  for (const [i, expected] of shown.entries()) {
    const line = lines[i]
    if (line === undefined) return `line ${i + 1} is missing: ${expected}`
    if (!lineLike(expected).test(line)) return `line ${i + 1} is\n  ${line}\nnot\n  ${expected}`
  }
  return lines.length > shown.length ? `one line more than shown: ${lines[shown.length]}` : null
}
