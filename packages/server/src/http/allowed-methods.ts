/** Segments of a route's path; `*` last stands for any rest, a segment that begins with `:` for any one. */
type Segments = readonly string[]

/** Which methods the paths of an application take, for the Allow header of a 405 (RFC 9110 section 15.5.6). */
export class AllowedMethods {
  readonly #routes: { readonly segments: Segments; readonly methods: readonly string[] }[] = []

  /** @param pattern as Fastify has it: `/v1/apis/:ref` */
  add(pattern: string, methods: string | readonly string[]): void {
    this.#routes.push({ segments: pattern.split('/'), methods: [methods].flat() })
  }

  /** In alphabetical order; none: there is nothing at this path. */
  at(path: string): readonly string[] {
    const segments = path.split('/')
    const matching = this.#routes.filter((route) => covers(route.segments, segments))
    return [...new Set(matching.flatMap(({ methods }) => methods))].sort()
  }
}

function covers(pattern: Segments, path: Segments): boolean {
  for (const [index, segment] of pattern.entries()) {
    if (segment === '*') return true
    const actual = path[index]
    if (actual === undefined) return false
    if (segment.startsWith(':') ? actual === '' : actual !== segment) return false
  }
  return pattern.length === path.length
}
