/** C0 and C1 controls, DEL, line separators, and what turns the direction of text round (Unicode UAX #9). */
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu

/** A text that a terminal shows and does not act on: controls become `\u001b`, newlines included. */
export function terminalText(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The same characters left out. */
export function withoutControls(text: string): string {
  return text.replace(UNSAFE, '')
}
