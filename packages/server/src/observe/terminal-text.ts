/**
 * What a terminal acts on or what reorders text: controls, format characters (bidirectional marks), line and
 * paragraph separators, lone surrogates. The zero width joiner stays: emoji are joined with it.
 */
const UNSAFE = /(?!\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** A text that a terminal shows and does not act on: controls become `\u001b`, newlines included. */
export function terminalText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const digits = (character.codePointAt(0) ?? 0).toString(16)
    return digits.length > 4 ? `\\u{${digits}}` : `\\u${digits.padStart(4, '0')}`
  })
}

/** The same characters left out. */
export function withoutControls(text: string): string {
  return text.replace(UNSAFE, '')
}
