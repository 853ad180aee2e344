/** Documents of many shapes, made from small plans that shrink.
 * @module */
import fc from 'fast-check'
import { type Draw, draws } from '../support/seeded-random.ts'
import { anyValue } from '../unit/document/support/any-value.ts'
import { array, type Key, object, scalar, type Tree, treeOf } from './document-tree.ts'

const SHAPES = [
  'records',
  'tiny',
  'chain',
  'texts',
  'keys',
  'longKeys',
  'mixed',
  'empties',
  'numbers',
  'nested',
] as const

interface Part {
  readonly shape: (typeof SHAPES)[number] | 'value'
  readonly size: number
  readonly seed: number
  readonly value: unknown
}

export interface DocumentPlan {
  readonly source: 'value' | 'json' | 'events'
  readonly parts: readonly Part[]
  /** Parts are elements of the root, or its fields. */
  readonly inArray: boolean
  /** Some keys come twice. */
  readonly duplicates: boolean
  readonly threshold: number
  readonly indexBudget: number | undefined
  readonly heldKeys: number | undefined
  readonly limited: 'no' | 'reads' | 'all'
  readonly seed: number
}

const part: fc.Arbitrary<Part> = fc.record({
  shape: fc.oneof(
    { weight: 3, arbitrary: fc.constant('value' as const) },
    { weight: 10, arbitrary: fc.constantFrom(...SHAPES) },
  ),
  size: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) },
    { weight: 4, arbitrary: fc.integer({ min: 41, max: 600 }) },
    { weight: 1, arbitrary: fc.integer({ min: 601, max: 5_000 }) },
  ),
  seed: fc.integer({ min: 0, max: 0x7fff_ffff }),
  value: anyValue,
})

export const documentPlans: fc.Arbitrary<DocumentPlan> = fc.record({
  source: fc.constantFrom('value' as const, 'json' as const, 'events' as const),
  parts: fc.array(part, { minLength: 1, maxLength: 5 }),
  inArray: fc.boolean(),
  duplicates: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  threshold: fc.constantFrom(0, 1, 16, 64, 300, 1_024, 65_536, Number.POSITIVE_INFINITY),
  indexBudget: fc.option(fc.integer({ min: 200, max: 5_000 }), { nil: undefined }),
  heldKeys: fc.option(fc.integer({ min: 20, max: 1_500 }), { nil: undefined, freq: 3 }),
  limited: fc.constantFrom('no' as const, 'reads' as const, 'all' as const),
  seed: fc.integer({ min: 0, max: 0x7fff_ffff }),
})

/** Objects with keys that come twice, more of them than are held. */
export const duplicatePlans: fc.Arbitrary<DocumentPlan> = fc
  .record({
    plan: documentPlans,
    parts: fc.array(
      fc.record({
        shape: fc.constantFrom('keys' as const, 'mixed' as const, 'nested' as const),
        size: fc.integer({ min: 0, max: 300 }),
        seed: fc.integer({ min: 0, max: 0x7fff_ffff }),
        value: fc.constant(null),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    source: fc.constantFrom('json' as const, 'events' as const),
    heldKeys: fc.integer({ min: 20, max: 300 }),
  })
  .map(({ plan, ...rest }) => ({ ...plan, ...rest, duplicates: true }))

/** The tree of a plan: without what its source cannot say, and with about ten runs of key pages at most. */
export function treeOfPlan({
  parts,
  source,
  inArray,
  duplicates,
  heldKeys = Number.POSITIVE_INFINITY,
}: DocumentPlan): Tree {
  const maker = (seed: number) =>
    new Maker(draws(seed), { odd: source === 'events', duplicates: duplicates && source !== 'value' })
  const trees = parts.map(({ shape, size, seed, value }) =>
    shape === 'value' ? treeOf(value) : maker(seed).part(shape, Math.min(size, heldKeys)),
  )
  if (inArray) return trees.length === 1 ? (trees[0] as Tree) : array(trees)
  return object(trees.map((tree, at) => [`part ${at}`, tree]))
}

const TEXT_UNITS = ['a', 'é', '€', '😀', 'xyz', '"', '\\', '\n', '\u001a', '\u001a\u0005', '\uD800', '\uDC00']
const ODD_KEYS = [
  '__proto__',
  '$type',
  '',
  ' ',
  'a.b',
  'a[0]',
  '*',
  '"',
  "'",
  '\uD800',
  '\u0000',
  'constructor',
  '0',
  '{1}',
  '~0/1',
]

interface Traits {
  /** Integer keys, decimals and undefined, too. */
  readonly odd: boolean
  readonly duplicates: boolean
}

class Maker {
  readonly #draw: Draw
  readonly #traits: Traits

  constructor(draw: Draw, traits: Traits) {
    this.#draw = draw
    this.#traits = traits
  }

  #below(end: number): number {
    return this.#draw() % end
  }

  part(shape: (typeof SHAPES)[number], size: number): Tree {
    switch (shape) {
      case 'records':
        return array(this.#many(size, (at) => this.#record(at)))
      case 'tiny':
        return array(this.#many(size * 4, () => this.#tiny()))
      case 'chain':
        return this.#chain(Math.min(size, 900))
      case 'texts':
        return array(this.#many(1 + (size % 5), () => this.#large(size)))
      case 'keys':
        return this.#keys(size * 7, () => this.#tiny())
      case 'longKeys':
        return this.#fields(size % 30, (at) => [
          `${at} ${'k'.repeat(this.#below(this.#below(8) === 0 ? 60_000 : 300))}`,
          this.#small(1),
        ])
      case 'mixed':
        return this.#keys(size % 400, (at) =>
          this.#below(3) === 0 ? this.#record(at) : this.#below(20) === 0 ? this.#large(0) : this.#tiny(),
        )
      case 'empties':
        return array(this.#many(size, () => (this.#below(2) === 0 ? array([]) : object([]))))
      case 'numbers':
        return array(this.#many(size, () => scalar(this.#number())))
      case 'nested':
        return array(this.#many(size % 9, () => this.#keys(this.#below(size * 2 + 2), () => this.#small(2))))
    }
  }

  #many<T>(count: number, make: (at: number) => T): T[] {
    return Array.from({ length: count }, (_, at) => make(at))
  }

  /** Fields with keys of their own, but that some come twice where that is wanted. */
  #fields(count: number, make: (at: number) => [Key, Tree]): Tree {
    const known = new Set<Key>()
    const fields: [Key, Tree][] = []
    for (let at = 0; at < count; at++) {
      const [key, tree] = make(at)
      const again = this.#traits.duplicates && fields.length > 0 && this.#below(9) === 0
      if (again) fields.push([(fields[this.#below(fields.length)] as [Key, Tree])[0], tree])
      else if (!known.has(String(key))) fields.push([key, tree])
      known.add(String(key))
    }
    return object(fields)
  }

  #keys(count: number, make: (at: number) => Tree): Tree {
    const step = 7_919
    return this.#fields(count, (at) => {
      const name = (at * step) % (count + 1)
      const form = this.#below(40)
      if (form === 0) return [ODD_KEYS[this.#below(ODD_KEYS.length)] as string, make(at)]
      if (form === 1 && this.#traits.odd) return [(this.#below(2) === 0 ? -1 : 1) * (100_000 + name), make(at)]
      return [form < 20 ? `key ${name}` : form < 30 ? `k${name}` : `${name}é${name}`, make(at)]
    })
  }

  #record(at: number): Tree {
    const fields: [Key, Tree][] = [
      ['id', scalar(`order-${at}`)],
      ['total', scalar(this.#below(100_000) / 100)],
      [
        'address',
        object([
          ['city', scalar(this.#text(this.#below(40)))],
          ['zip', scalar(this.#below(99_999))],
        ]),
      ],
      [
        'items',
        array(
          this.#many(this.#below(4), () =>
            object([
              ['sku', this.#tiny()],
              ['count', scalar(this.#below(9))],
            ]),
          ),
        ),
      ],
      ['note', this.#below(30) === 0 ? scalar(this.#text(this.#below(3_000))) : scalar(null)],
    ]
    if (this.#traits.odd && this.#below(2) === 0) fields.push([at, this.#tiny()], [-1 - at, this.#small(1)])
    return object(fields.filter(() => this.#below(12) > 0))
  }

  #chain(depth: number): Tree {
    let tree = this.#tiny()
    for (let level = 0; level < depth; level++) {
      const beside = () => this.#many(this.#below(3), () => this.#tiny())
      tree =
        this.#below(2) === 0
          ? array([...beside(), tree, ...beside()])
          : object([
              ...beside().map((child, at): [Key, Tree] => [`b${at}`, child]),
              ['in', tree],
              ...beside().map((child, at): [Key, Tree] => [`c${at}`, child]),
            ])
    }
    return tree
  }

  #large(size: number): Tree {
    const form = this.#below(5)
    if (form === 0)
      return scalar(new Uint8Array(this.#below(9_000)).fill([0x1a, 0xff, 0, 0x11][this.#below(4)] as number))
    if (form === 1) return scalar(BigInt(`0x${'1a'.repeat(1 + this.#below(5_000))}`))
    return scalar(this.#text(10_000 + this.#below(size * 300 + 1)))
  }

  #small(depth: number): Tree {
    const form = this.#below(depth > 0 ? 6 : 4)
    if (form < 4) return this.#tiny()
    if (form === 4) return array(this.#many(this.#below(20), () => this.#small(depth - 1)))
    return this.#fields(this.#below(20), (at) => [`f${at}`, this.#small(depth - 1)])
  }

  #tiny(): Tree {
    const form = this.#below(14)
    if (form < 5) return scalar(this.#below(200))
    if (form < 8) return scalar(this.#text(this.#below(12)))
    if (form === 8) return scalar(this.#below(2) === 0)
    if (form === 9) return scalar(null)
    if (form === 10)
      return this.#traits.odd ? { type: 'decimal', text: '0.10000000000000000000001e5' } : scalar(this.#number())
    if (form === 11)
      return this.#traits.odd && !this.#traits.duplicates ? scalar(undefined) : scalar(new Date(this.#below(1e9)))
    if (form === 12) return scalar(Uint8Array.from({ length: this.#below(30) }, () => this.#below(256)))
    return scalar(this.#below(2) === 0 ? BigInt(this.#draw()) ** 3n : -BigInt(this.#draw()))
  }

  #number(): number {
    const kinds = [
      0,
      -0,
      NaN,
      Infinity,
      -Infinity,
      2 ** 53,
      -(2 ** 53),
      2 ** 53 - 1,
      1e21,
      5e-324,
      1.5,
      0.1,
      -0.01,
      31,
      32,
      -1,
      1e-7,
    ]
    const form = this.#below(3)
    if (form === 0) return kinds[this.#below(kinds.length)] as number
    return form === 1 ? this.#draw() / (1 + this.#below(1_000)) : this.#draw() - 2 ** 31
  }

  #text(length: number): string {
    const unit = TEXT_UNITS[this.#below(TEXT_UNITS.length)] as string
    return `${this.#draw()} ${unit.repeat(Math.ceil(length / unit.length))}`.slice(0, length)
  }
}
