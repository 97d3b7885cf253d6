/**
 * A function that remembers what it worked out for each text: the same ones come again and again. When somebody sends
 * ever new ones, it starts over.
 * @param workOut depends on nothing but the text
 * @param max how many texts are remembered at most
 */
export function remembered<Result>(workOut: (text: string) => Result, max: number): (text: string) => Result {
  const known = new Map<string, Result>()
  return (text) => {
    let result = known.get(text)
    if (result === undefined) {
      result = workOut(text)
      if (known.size >= max) known.clear()
      known.set(text, result)
    }
    return result
  }
}
