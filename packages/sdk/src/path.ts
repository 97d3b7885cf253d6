/**
 * The path of an operation with its parameters filled in, each escaped: a name can not leave its segment.
 * @throws TypeError for what the URL parser would take for a dot segment, escaped or not
 */
export function fillPath(template: string, params: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = String(params[name])
    if (value === '' || /^(?:\.|%2e){1,2}$/i.test(value)) {
      throw new TypeError(`${name}: ${JSON.stringify(value)} is neither a name nor an id`)
    }
    return encodeURIComponent(value)
  })
}
