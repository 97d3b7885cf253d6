import { Command } from 'commander'

/** A command that keeps its examples, for `--help` and for the reference alike. */
export class CredenceCommand extends Command {
  readonly examples: string[] = []

  override createCommand(name?: string): CredenceCommand {
    return new CredenceCommand(name)
  }

  /** Command lines that work as they stand, without a prompt sign. */
  example(...lines: string[]): this {
    if (this.examples.length === 0) this.addHelpText('after', () => examplesText(this.examples))
    this.examples.push(...lines)
    return this
  }
}

function examplesText(lines: readonly string[]): string {
  return `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  ${line}`).join('\n')}`
}
