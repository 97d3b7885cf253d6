import { readFile } from 'node:fs/promises'
import { usageFailure } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** How every command takes a password: never as an argument, which stays in the shell history and shows in ps. */
export const PASSWORD_OPTION = [
  '--password-file <path>',
  'file that holds the password, - for standard input; left out: one is generated',
] as const

/** The password in a file or on standard input: one line, as it stands, spaces too. At a terminal it is asked for twice. */
export async function passwordFrom(path: string, terminal: Terminal): Promise<string> {
  if (path !== '-') return oneLine(await textOf(path), path)
  const { stdin } = terminal
  if (!stdin.isTty) return oneLine(await stdin.readAll(), 'standard input')
  const password = oneLine(await stdin.readHidden('password: '), 'standard input')
  const again = await stdin.readHidden('once more: ')
  if (again !== password) throw usageFailure('the two passwords differ')
  return password
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw usageFailure(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
}

function oneLine(text: string, from: string): string {
  const line = text.replace(/\r?\n$/, '')
  if (line === '') throw usageFailure(`there is nothing in ${from}`)
  if (/[\r\n]/.test(line))
    throw usageFailure(`${from} holds more than one line; it must hold one password alone`)
  return line
}
