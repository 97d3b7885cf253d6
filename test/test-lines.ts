/**
 * Reporter for `node --test`: one JSON line an event, for run-suite.ts to read.
 * Node's own reporters are made for eyes; parsing them would count a test's printed "ok 1" as a test.
 */
import { inspect } from 'node:util'

export interface TestLine {
  readonly event: 'begin' | 'pass' | 'fail' | 'output'
  readonly file: string
  readonly name: string
  readonly line: number
  /** True of the event that stands for a whole file: its tests have events of their own. */
  readonly wholeFile: boolean
  readonly suite: boolean
  readonly skipped: boolean
  readonly todo: boolean
  /** What a failed test threw, or what a file printed. */
  readonly text: string
}

interface TestEvent {
  readonly type: string
  readonly data: {
    readonly file?: string
    readonly entryFile?: string
    readonly name?: string
    readonly line?: number
    readonly message?: string
    readonly skip?: string | boolean
    readonly todo?: string | boolean
    readonly details?: { readonly type?: string; readonly error?: Error }
  }
}

const EVENTS: Readonly<Record<string, TestLine['event']>> = {
  'test:dequeue': 'begin',
  'test:pass': 'pass',
  'test:fail': 'fail',
  'test:stdout': 'output',
  'test:diagnostic': 'output',
  'test:stderr': 'output',
}

export default async function* testLines(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    const event = EVENTS[type]
    if (event === undefined) continue
    const error = data.details?.error
    const line: TestLine = {
      event,
      file: data.entryFile ?? data.file ?? '',
      name: data.name ?? '',
      line: data.line ?? 0,
      wholeFile: data.entryFile === undefined,
      suite: data.details?.type === 'suite',
      skipped: isSet(data.skip),
      todo: isSet(data.todo),
      text: error === undefined ? endLine(data.message) : inspect(error.cause ?? error, { depth: 4 }),
    }
    yield `${JSON.stringify(line)}\n`
  }
}

/** `skip: ''` is a skip without a reason. */
function isSet(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false
}

function endLine(message = ''): string {
  return message === '' || message.endsWith('\n') ? message : `${message}\n`
}
