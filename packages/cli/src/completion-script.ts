import type { Command } from 'commander'

export const COMPLETION_SHELLS = ['bash', 'zsh', 'fish'] as const
export type CompletionShell = (typeof COMPLETION_SHELLS)[number]

interface Place {
  /** Commands typed so far, joined by a space; empty at the start. */
  readonly words: string
  readonly candidates: readonly { readonly word: string; readonly text: string }[]
}

/** A script for a shell that offers the commands and options of the tree. It asks no server. */
export function completionScript(shell: CompletionShell, program: Command): string {
  const places = placesOf(program)
  switch (shell) {
    case 'bash':
      return bashScript(places)
    case 'zsh':
      return zshScript(places)
    case 'fish':
      return fishScript(places)
  }
}

/** Every place in the tree with what may follow there: its commands, its options and those of the program. */
function placesOf(program: Command): Place[] {
  const common = optionsOf(program)
  const walk = (command: Command, words: string): Place[] => [
    {
      words,
      candidates: [
        ...command.commands.map((child) => ({ word: child.name(), text: child.description() })),
        ...(command === program ? [] : optionsOf(command)),
        ...common,
        { word: '--help', text: 'print help' },
      ],
    },
    ...command.commands.flatMap((child) => walk(child, `${words} ${child.name()}`.trim())),
  ]
  return walk(program, '')
}

function optionsOf(command: Command): { word: string; text: string }[] {
  return command.options.flatMap((option) =>
    option.long === undefined || option.long === null
      ? []
      : [{ word: option.long, text: option.description }],
  )
}

/** bash and zsh find the place alike: the words that are commands, in order. */
function placeCases(places: readonly Place[], line: (place: Place) => string): string {
  return places.map((place) => `    ${quoted(place.words)}) ${line(place)} ;;`).join('\n')
}

function placeLoop(words: string): string {
  return [
    `  local place="" word`,
    `  for word in ${words}; do`,
    '    case "$place $word" in',
    `      __PLACES__) place="\${place:+$place }$word" ;;`,
    '    esac',
    '  done',
  ].join('\n')
}

function loopOf(places: readonly Place[], words: string): string {
  const known = places.filter((place) => place.words !== '').map((place) => knownPlace(place.words))
  return placeLoop(words).replace('__PLACES__', () => known.join('|'))
}

/** At the first word the place is empty, so that what is compared begins with a space. */
function knownPlace(words: string): string {
  return quoted(words.includes(' ') ? words : ` ${words}`)
}

function bashScript(places: readonly Place[]): string {
  return `_credence() {
  local current="\${COMP_WORDS[COMP_CWORD]}"
${loopOf(places, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`)}
  local candidates=""
  case "$place" in
${placeCases(places, (place) => `candidates=${quoted(place.candidates.map((c) => c.word).join(' '))}`)}
  esac
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}
complete -o default -F _credence credence
`
}

function zshScript(places: readonly Place[]): string {
  const described = (place: Place) =>
    place.candidates.map((c) => quoted(`${c.word.replaceAll(':', '\\:')}:${c.text}`)).join(' ')
  return `#compdef credence
_credence() {
${loopOf(places, `"\${(@)words[2,CURRENT-1]}"`)}
  local -a candidates
  case "$place" in
${placeCases(places, (place) => `candidates=(${described(place)})`)}
  esac
  _describe 'credence' candidates || _files
}
if [ "$funcstack[1]" = "_credence" ]; then _credence "$@"; else compdef _credence credence; fi
`
}

function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap((place) =>
    place.candidates.map(({ word, text }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`
      return `complete -c credence -n ${fishQuoted(`__credence_at ${place.words}`.trim())} ${what} -d ${fishQuoted(text)}`
    }),
  )
  const known = places.filter((place) => place.words !== '').map((place) => fishQuoted(place.words))
  return `function __credence_at
  set -l place
  for word in (commandline -opc)[2..]
    set -l longer (string join ' ' $place $word)
    contains -- $longer ${known.join(' ')}; and set place $longer
  end
  test "$place" = "$argv"
end
${lines.join('\n')}
`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
