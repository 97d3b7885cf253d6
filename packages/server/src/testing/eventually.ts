import assert from 'node:assert/strict'

/** Asks again until it is so. @throws AssertionError when it does not come to hold */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patienceMs = 15_000,
): Promise<void> {
  const endMs = performance.now() + patienceMs
  while (!(await holds())) {
    if (performance.now() > endMs) assert.fail(`${what}: it did not come to hold within ${patienceMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Milliseconds that something took, and what came of it. */
export async function timed<R>(
  run: () => Promise<R>,
): Promise<{ ms: number; outcome: PromiseSettledResult<R> }> {
  const startMs = performance.now()
  const [outcome] = await Promise.allSettled([run()])
  return { ms: performance.now() - startMs, outcome }
}
