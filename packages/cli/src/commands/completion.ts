import { Argument } from 'commander'
import { COMPLETION_SHELLS, type CompletionShell, completionScript } from '../completion-script.ts'
import type { CredenceCommand } from '../credence-command.ts'
import type { Wiring } from '../wiring.ts'

export function addCompletion(program: CredenceCommand, wiring: Wiring): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell to complete in').choices([...COMPLETION_SHELLS]))
    .description('print a script that completes commands and options')
    .example(
      'source <(credence completion bash)',
      'credence completion zsh > ~/.zfunc/_credence',
      'credence completion fish > ~/.config/fish/completions/credence.fish',
    )
    .action((shell: CompletionShell) => {
      wiring.terminal.stdout.write(completionScript(shell, program))
    })
}
