/** Calls back every so many milliseconds until the function it returns is called. Keeps no process alive. */
export function every(ms: number, callback: () => void): () => void {
  const timer = setInterval(callback, ms)
  timer.unref()
  return () => clearInterval(timer)
}
