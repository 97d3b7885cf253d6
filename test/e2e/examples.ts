/** A program in a guide: a fenced block of TypeScript whose first line is a comment with the file's name. */
export interface Example {
  readonly name: string
  /** Without the line that names it. */
  readonly text: string
}

/** @throws Error where a block has no name, or two have the same */
export function readExamples(markdown: string): Example[] {
  const examples = [...markdown.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match): Example => {
    const [first = '', ...lines] = match[1]!.split('\n')
    const name = /^\/\/ ([\w-]+\.ts)$/.exec(first)?.[1]
    if (name === undefined) throw new Error(`an example begins with ${first} and not with its name`)
    return { name, text: lines.join('\n') }
  })
  const names = examples.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new Error(`two examples are named ${twice}`)
  return examples
}
