import type { Command, Option } from 'commander'
import { CredenceCommand } from './credence-command.ts'
import { EXIT_MEANINGS } from './exit-code.ts'
import { makeProgram } from './program.ts'
import type { Terminal } from './terminal.ts'

/** docs/reference/cli.md: every command with its options and examples, from the tree that parses them. */
export function renderReference(): string {
  const program = makeProgram(NO_TERMINAL, () => {})
  const leaves = leavesOf(program)
  return [
    '# The command line',
    '',
    '<!-- Made by scripts/generate-cli-reference.ts from the commands themselves: change those, then run it. -->',
    '',
    program.description(),
    '',
    'In a checkout, `npx credence …` runs it.',
    '',
    ...leaves.map(
      (command) =>
        `- [\`${fullName(command)}\`](#${fullName(command).replaceAll(' ', '-')}): ${command.description()}`,
    ),
    '',
    '## Options of every command',
    '',
    ...optionLines(program.options),
    '',
    KEY_ORDER,
    '',
    '## Output',
    '',
    OUTPUT,
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...EXIT_MEANINGS.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    ...leaves.flatMap(commandLines),
    '',
  ].join('\n')
}

const KEY_ORDER = `The key that is presented is the first of these that is there: \`--key-file\` or \`--key\`; \`CREDENCE_KEY\` or
\`CREDENCE_KEY_FILE\`; the profile (\`--profile\`, \`CREDENCE_PROFILE\`, the one in use); the admin key in the data folder
(\`CREDENCE_DATA\`, default \`./data\`). A profile's key goes only to the profile's own server, and the admin key only to
a server on this machine. Redirects are never followed.`

const OUTPUT = `What is shown or listed is a table on a terminal and JSON elsewhere; \`--json\` and \`--no-json\` decide otherwise. A list in
JSON is one array. \`why\` prints its explanation everywhere, unless \`--json\` is given. Commands that change something
tell about it on standard error, and print the changed resource on standard output with \`--json\` only. Commands that
issue a secret print it, and nothing else, on standard output; with \`--json\`, the whole answer. Times are RFC 3339 in
JSON and in the terminal's time zone in tables. Creating commands send an \`Idempotency-Key\` and try once more when the
connection is lost, so no second credential is issued.`

function commandLines(command: Command): string[] {
  const usage = `${fullName(command)} ${command.usage()}`.replace('[options] [command]', '[options]')
  const examples = command instanceof CredenceCommand ? command.examples : []
  return [
    '',
    `## ${fullName(command)}`,
    '',
    `${command.description()}`,
    '',
    '```',
    usage.trim(),
    '```',
    ...(command.options.length === 0 ? [] : ['', ...optionLines(command.options)]),
    '',
    '```sh',
    ...examples,
    '```',
  ]
}

function optionLines(options: readonly Option[]): string[] {
  return [
    '| option | meaning |',
    '|---|---|',
    ...options.map((option) => `| \`${option.flags}\` | ${cell(option.description)}${necessity(option)} |`),
  ]
}

function necessity(option: Option): string {
  if (option.mandatory) return ' (needed)'
  return typeof option.defaultValue === 'string' ? ` (default \`${option.defaultValue}\`)` : ''
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*').replaceAll('<', '&lt;')
}

/** The commands that do something, in the order of `--help`. */
export function leavesOf(command: Command): Command[] {
  if (command.commands.length === 0) return [command]
  return command.commands.flatMap(leavesOf)
}

/** `credence credentials rotate` */
export function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`
}

/** The tree is only read here; nothing runs. */
const NO_TERMINAL: Terminal = {
  env: {},
  stdout: { isTty: false, columns: 100, write: refuse },
  stderr: { isTty: false, columns: 100, write: refuse },
  stdin: { isTty: false, readAll: refuse, readHidden: refuse },
  clock: refuse,
  fetch: refuse,
  randomId: refuse,
  sleep: refuse,
  interrupted: refuse,
  loadServer: refuse,
}

function refuse(): never {
  throw new Error('the reference is made without running anything')
}
