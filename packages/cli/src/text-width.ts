/** Scripts and blocks whose characters take two columns (East Asian Width W and F, UAX #11), and emoji. */
const WIDE =
  /^(?:[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation})|\ufe0f/u
const HALF_WIDTH = /^[\uff61-\uffdc\uffe8-\uffee]/u
const ONLY_MARKS = /^\p{M}+$/u
const ASCII = /^[\x20-\x7e]*$/

/** Columns that a text takes on a terminal. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length
  let width = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) width += graphemeWidth(segment)
  return width
}

/** The text in at most `columns` columns; what does not fit ends in `…`. */
export function fitText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text
  let fitted = ''
  let width = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const next = width + graphemeWidth(segment)
    if (next > columns - 1) break
    fitted += segment
    width = next
  }
  return `${fitted}…`
}

function graphemeWidth(grapheme: string): number {
  if (ONLY_MARKS.test(grapheme)) return 0
  if (HALF_WIDTH.test(grapheme)) return 1
  return WIDE.test(grapheme) ? 2 : 1
}
