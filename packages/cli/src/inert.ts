/**
 * A text from the server as one harmless line: control characters (ESC starts a terminal sequence), bidirectional
 * marks (they reorder what is read), line separators and lone surrogates are shown as escapes.
 * U+200D stays: emoji are joined with it.
 */
export function inert(text: string): string {
  return text.replace(/(?!\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escapeOf)
}

/** JSON for a terminal or a pipe: the same characters escaped, so that it still parses to the same value. */
export function jsonText(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replace(
    /(?![\n\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) =>
      Array.from({ length: character.length }, (_, i) => unitEscape(character.charCodeAt(i))).join(''),
  )
}

function unitEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}

function escapeOf(character: string): string {
  const point = character.codePointAt(0) ?? 0
  return point < 0x100 ? `\\x${point.toString(16).padStart(2, '0')}` : `\\u{${point.toString(16)}}`
}

/**
 * The text with everything that could be a secret blotted out. An argument typed at the wrong place is repeated in
 * the parser's complaint, and a complaint ends up in logs. Keys are at least 50 characters long; ids are 12 to 17.
 */
export function withoutSecrets(text: string): string {
  return text.replace(/[0-9A-Za-z_-]{40,}/g, '[long text not repeated: it may be a secret]')
}
