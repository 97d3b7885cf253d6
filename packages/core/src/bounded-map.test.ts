import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BoundedMap } from './bounded-map.ts'
import { checkProperty, refutes } from './testing/rounds.ts'

type Step = readonly ['get' | 'set' | 'delete', number] | readonly ['clear', number]
const anySteps = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 40, arbitrary: fc.constantFrom('get', 'set') },
      { weight: 1, arbitrary: fc.constantFrom('delete', 'clear') },
    ),
    fc.nat(20),
  ) as fc.Arbitrary<Step>,
  { maxLength: 200, size: 'max' },
)
const anyBound = fc.integer({ min: 2, max: 12 })

type Candidate = Pick<BoundedMap<number, number>, 'get' | 'set' | 'delete' | 'clear' | 'size'>

/**
 * Runs beside a Map, whose order is that of the last use. Whatever is remembered is what was last set, the bound
 * holds after every step, and what was among the last `bound / 2` used is there. What was deleted since had its use, too:
 * deleting it brings nothing back that was forgotten for it.
 */
function agreesWithModel(make: (bound: number) => Candidate) {
  return fc.property(anyBound, anySteps, (bound, steps) => {
    const map = make(bound)
    /** Null: deleted. */
    const model = new Map<number, number | null>()
    const used = (key: number, value: number) => {
      model.delete(key)
      model.set(key, value)
    }
    for (const [index, [action, key]] of steps.entries()) {
      const recent = [...model.keys()].slice(-Math.floor(bound / 2))
      if (action === 'set') {
        map.set(key, index)
        used(key, index)
      } else if (action === 'get') {
        const value = map.get(key)
        const isLate = recent.includes(key) && model.get(key) !== null
        if (value === undefined) assert.ok(!isLate, `forgot ${key}, which was used lately`)
        else assert.equal(value, model.get(key))
        if (value === undefined) model.delete(key)
        else used(key, value)
      } else if (action === 'delete') {
        map.delete(key)
        if (model.has(key)) model.set(key, null)
      } else {
        map.clear()
        model.clear()
      }
      assert.ok(map.size <= bound, `${map.size} of ${bound}`)
    }
  })
}

describe('a bounded map', () => {
  it('never holds more than its bound, remembers what was used lately, and never a value that was replaced', () => {
    checkProperty(
      'bounded map',
      1000,
      agreesWithModel((bound) => new BoundedMap(bound)),
    )
  })

  it('negative control: a map without bound, and one that forgets by age alone, are found out', () => {
    class ByAge extends Map<number, number> {
      readonly bound: number
      constructor(bound: number) {
        super()
        this.bound = bound
      }
      override set(key: number, value: number): this {
        if (this.size >= this.bound && !this.has(key)) this.delete([...this.keys()][0]!)
        return super.set(key, value)
      }
    }
    assert.ok(
      refutes(
        300,
        agreesWithModel(() => new Map<number, number>()),
      ),
    )
    assert.ok(
      refutes(
        1000,
        agreesWithModel((bound) => new ByAge(bound)),
      ),
    )
  })

  it('keeps what is asked for while unknown keys stream past', () => {
    const map = new BoundedMap<string, number>(10)
    map.set('kept', 1)
    for (let index = 0; index < 1000; index += 1) {
      map.set(`passing ${index}`, index)
      assert.equal(map.get('kept'), 1)
    }
    assert.ok(map.size <= 10)
  })
})
