import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Gives back the memory that only starting needed: 25 MB, most of it room for young objects, of which there are never
 * again so many. V8 would keep it until it runs short, which an idle server never does. Takes some 50 ms, in which
 * nothing else runs: for when nobody waits yet.
 */
export function shrinkHeap(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as NodeJS.GCFunction
  setFlagsFromString('--no-expose-gc')
  // V8 forgets the shape of objects of which none is there now, and that it knew how they are made: each `process.nextTick`
  // then takes 0.4 µs more for good, which was a tenth of forward-auth. With one waiting, theirs is kept.
  process.nextTick(() => {})
  collect({ type: 'major', flavor: 'last-resort' })
}

/**
 * Keeps what is compiled over pauses. Some seconds after the last request V8 would collect so thoroughly that it forgets
 * the shapes of all objects that requests are made of, and with these the code that was compiled for them: what came first
 * after a pause was then answered at two thirds of the speed, for seconds.
 */
export function keepCompiled(): void {
  setFlagsFromString('--memory-reducer-gc-count=0')
}
