/** Values of histories, made from small plans, and what is naively done with them.
 * @module */
import fc from 'fast-check'
import type { Step } from '../../src/document/path/path.ts'
import { type Draw, draws } from '../support/seeded-random.ts'
import { anyValue } from '../unit/document/support/any-value.ts'
import { edited, someEdits } from '../unit/history/support/edits.ts'

const SHAPES = ['board', 'list', 'text', 'series', 'keys', 'deep'] as const

const seed = fc.integer({ min: 0, max: 0x7fff_ffff })
const record = <T>(model: { [Name in keyof T]: fc.Arbitrary<T[Name]> }) => fc.record(model, { noNullPrototype: true })

/** The next value of a history: anything, one of a shape, or something done to the one before. */
export const valuePlan = fc.oneof(
  { weight: 3, arbitrary: record({ do: fc.constant('value' as const), value: anyValue }) },
  {
    weight: 3,
    arbitrary: record({
      do: fc.constant('shape' as const),
      shape: fc.constantFrom(...SHAPES),
      size: fc.oneof({ weight: 5, arbitrary: fc.nat(60) }, { weight: 1, arbitrary: fc.nat(900) }),
      seed,
    }),
  },
  { weight: 5, arbitrary: record({ do: fc.constant('edit' as const), edits: someEdits }) },
  { weight: 9, arbitrary: record({ do: fc.constant('change' as const), seed, count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: record({ do: fc.constant('same' as const) }) },
  { weight: 2, arbitrary: record({ do: fc.constant('older' as const), back: fc.nat(9) }) },
)

export type ValuePlan = typeof valuePlan extends fc.Arbitrary<infer T> ? T : never

/** @param before values so far, the newest at the end. None of them is changed. */
export function nextValue(plan: ValuePlan, before: readonly unknown[]): unknown {
  const last = before.at(-1) ?? { first: true }
  switch (plan.do) {
    case 'value':
      return copyOf(plan.value)
    case 'shape':
      return new Maker(draws(plan.seed)).shape(plan.shape, plan.size)
    case 'edit':
      return edited(last, plan.edits)
    case 'change': {
      const root = [copyOf(last)]
      const maker = new Maker(draws(plan.seed))
      for (let left = plan.count; left > 0; left--) maker.change(root)
      return root[0]
    }
    case 'same':
      return copyOf(last)
    case 'older':
      return copyOf(before.at(-1 - plan.back) ?? last)
  }
}

export type Fields = Record<string, unknown>

export function isContainer(value: unknown): value is unknown[] | Fields {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && !(value instanceof Date)
}

export function put(holder: object, key: string | number, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true })
}

export function own(holder: object, key: string | number): unknown {
  return Object.getOwnPropertyDescriptor(holder, key)?.value
}

export function copyOf<T>(value: T): T {
  if (value instanceof Uint8Array) return value.slice() as T
  if (value instanceof Date) return new Date(value.getTime()) as T
  if (Array.isArray(value)) return value.map(copyOf) as T
  if (!isContainer(value)) return value
  const copy = {}
  for (const key of Object.keys(value)) put(copy, key, copyOf(own(value, key)))
  return copy as T
}

/** What a caller may do to a value that it gave away, or was given. */
export function spoil(value: unknown): void {
  if (value instanceof Uint8Array) value.fill(77)
  else if (value instanceof Date) value.setTime(77)
  else if (Array.isArray(value)) {
    for (const element of value) spoil(element)
    value.push('spoilt')
    value.reverse()
  } else if (isContainer(value)) {
    for (const key of Object.keys(value)) {
      spoil(own(value, key))
      put(value, key, 'spoilt')
    }
    put(value, 'spoilt', true)
  }
}

const DIGITS = /^(?:0|[1-9]\d{0,15})$/

/** What is at a path; undefined: nothing. Digits as a field mean an element too. */
export function at(value: unknown, steps: readonly Step[]): unknown {
  let found = value
  for (const step of steps) {
    if (!isContainer(found)) return undefined
    if (Array.isArray(found)) {
      if (step.type === 'index') found = found[step.index]
      else if (step.type === 'field' && DIGITS.test(step.key)) found = found[Number(step.key)]
      else return undefined
    } else if (step.type === 'field') found = own(found, step.key)
    else return undefined
  }
  return found
}

const ODD_STEPS: readonly Step[] = [
  { type: 'field', key: '__proto__' },
  { type: 'field', key: 'length' },
  { type: 'field', key: '0' },
  { type: 'field', key: '' },
  { type: 'index', index: 0 },
  { type: 'index', index: 1_000_000 },
  { type: 'intKey', key: 1 },
]

/** A way into a value: to something that is there, mostly. */
export function randomSteps(value: unknown, draw: Draw): Step[] {
  const steps: Step[] = []
  let here = value
  while (isContainer(here) && draw() % 6 > 0) {
    const keys = Object.keys(here)
    if (keys.length === 0) break
    const key = keys[draw() % keys.length] as string
    steps.push(Array.isArray(here) ? { type: 'index', index: Number(key) } : { type: 'field', key })
    here = own(here, key)
  }
  if (draw() % 5 === 0) steps.push(ODD_STEPS[draw() % ODD_STEPS.length] as Step)
  return steps
}

const WORDS = ['alpha', 'beta', 'größe', '😀', 'x', '\uD800', 'lorem ipsum', '\n', '"quoted"', '0']

class Maker {
  readonly #draw: Draw
  #ids = 0

  constructor(draw: Draw) {
    this.#draw = draw
  }

  #below(end: number): number {
    return this.#draw() % Math.max(1, end)
  }

  #words(count: number): string {
    return this.#many(count, () => WORDS[this.#below(WORDS.length)] as string).join(' ')
  }

  #many<T>(count: number, make: (at: number) => T): T[] {
    return Array.from({ length: count }, (_, at) => make(at))
  }

  shape(shape: (typeof SHAPES)[number], size: number): unknown {
    switch (shape) {
      case 'board':
        return {
          title: this.#words(2),
          shapes: this.#many(size, () => this.#card()),
          tags: this.#many(size % 7, String),
        }
      case 'list':
        return this.#many(size * 3, () => this.#small())
      case 'text':
        return { text: this.#many(size, () => this.#words(9)).join('\n'), revision: size }
      case 'series':
        return this.#series(size)
      case 'keys':
        return Object.fromEntries(this.#many(size, (n) => [`key ${this.#below(size * 2)}`, n % 3 === 0 ? [n] : n]))
      case 'deep': {
        let value: unknown = this.#card()
        for (let level = 0; level < Math.min(size, 200); level++)
          value = level % 2 === 0 ? [level, value] : { in: value }
        return value
      }
    }
  }

  #series(size: number): unknown {
    const first = BigInt(this.#draw()) * 1_000_000_000n
    return {
      times: this.#many(size, (n) => first + BigInt(n) * 1_000_000n),
      values: this.#many(size, () => this.#below(1_000) / 10),
      counts: this.#many(size, () => this.#below(50)),
    }
  }

  #card(): unknown {
    return {
      id: `card-${this.#draw() % 100_000}-${this.#ids++}`,
      x: this.#below(500),
      y: this.#below(500),
      text: this.#words(3),
    }
  }

  #small(): unknown {
    const all = [
      this.#below(9),
      this.#words(1),
      null,
      true,
      -0,
      NaN,
      BigInt(this.#draw()) ** 3n,
      new Date(this.#draw()),
      0.1,
    ]
    const form = this.#below(all.length + 3)
    if (form < all.length) return all[form]
    if (form === all.length) return Uint8Array.from({ length: this.#below(40) }, () => this.#below(256))
    return form === all.length + 1 ? this.#card() : [this.#below(5), this.#words(1)]
  }

  /** One change somewhere in `root[0]`. */
  change(root: unknown[]): void {
    let holder: unknown[] | Fields = root
    let key: string | number = 0
    for (;;) {
      const inside = own(holder, key)
      if (!isContainer(inside) || Object.keys(inside).length === 0 || this.#below(4) === 0) break
      const keys = Object.keys(inside)
      holder = inside
      key = keys[this.#below(keys.length)] as string
    }
    const value = own(holder, key)
    if (Array.isArray(value)) this.#array(value)
    else if (isContainer(value)) this.#object(value as Fields)
    else put(holder, key, this.#scalar(value))
  }

  #array(array: unknown[]): void {
    const [from, to] = [this.#below(array.length), this.#below(array.length + 1)]
    const count = 1 + this.#below(this.#below(3) === 0 ? 40 : 2)
    switch (this.#below(8)) {
      case 0:
        array.splice(from, count)
        break
      case 1:
        array.splice(to, 0, ...array.splice(from, count))
        break
      case 2:
        array.push(...this.#many(count, () => this.#small()))
        break
      case 3:
        array.reverse()
        break
      case 4:
        array.splice(to, 0, ...copyOf(array.slice(from, from + count)))
        break
      case 5: {
        // As whole series change.
        const by = this.#below(1_000)
        for (const [n, one] of array.entries()) {
          if (typeof one === 'number') array[n] = one + by
          if (typeof one === 'bigint') array[n] = one + BigInt(by) * 1_000_000n
        }
        break
      }
      case 6:
        for (let n = this.#below(5); n < array.length; n += 1 + this.#below(9)) array[n] = this.#small()
        break
      default:
        array.splice(to, 0, this.#small())
    }
  }

  #object(object: Fields): void {
    const keys = Object.keys(object)
    const key = keys[this.#below(keys.length)]
    const form = this.#below(6)
    if (key === undefined || form < 2) put(object, `new ${this.#below(6)}`, this.#small())
    else if (form === 2) delete object[key]
    else if (form === 3) {
      const value = own(object, key)
      delete object[key]
      put(object, this.#below(2) === 0 ? key : `${key}'`, value)
    } else if (form === 4) put(object, key, copyOf(own(object, keys[this.#below(keys.length)] as string)))
    else put(object, key, this.#small())
  }

  #scalar(value: unknown): unknown {
    if (this.#below(4) === 0) return this.#small()
    if (typeof value === 'number') return value + this.#below(9) - 4
    if (typeof value === 'bigint') return value + BigInt(this.#below(9))
    if (typeof value !== 'string') return this.#small()
    const place = this.#below(value.length + 1)
    return value.slice(0, place) + this.#words(this.#below(3)) + value.slice(place + this.#below(20))
  }
}
