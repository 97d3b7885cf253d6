/**
 * The candidate that a misspelt name most likely meant, or null when none is near: at most a third of its
 * characters may differ.
 */
export function nearestName(name: string, candidates: readonly string[]): string | null {
  if (name.length > MAX_NAME_LENGTH) return null
  let nearest: string | null = null
  let least = Math.floor(name.length / 3) + 1
  for (const candidate of candidates) {
    const distance = editDistance(name, candidate)
    if (distance < least) {
      nearest = candidate
      least = distance
    }
  }
  return nearest
}

/** Longer ones are no misspelling of any name, and the distance takes time with the product of the lengths. */
const MAX_NAME_LENGTH = 80

/** Levenshtein: insertions, deletions and replacements that make one text of the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
