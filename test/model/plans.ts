/** What a random test does to a topic: calls, queries, prunings, lives of its store. Nothing here knows the product.
 * @module */
import fc from 'fast-check'

export const ENTITIES = ['a', 'b', 'c', 'd', 'e', 'f', '__proto__', 'ä']
/** Stands for data that more than one read takes, which a failure need not print. */
export const LARGE = '<large>'
/** Plain objects, as callers make them. */
const record = <T>(model: { [Name in keyof T]: fc.Arbitrary<T[Name]> }) => fc.record(model, { noNullPrototype: true })
const few = (...names: string[]) => fc.constantFrom(...names)
export const maybe = <T>(value: fc.Arbitrary<T>, freq = 2) => fc.option(value, { nil: undefined, freq })

/** An id that callers gave, or `@` and the place of an event whose computed id is meant. */
const reference = fc.oneof(
  few('own-1', 'own-2', 'own-3', 'own-4', 'nobody'),
  fc.tuple(fc.nat(2), fc.nat(40)).map(([partition, offset]) => `@${partition}-${offset}`),
)

const data = fc.oneof(
  { weight: 12, arbitrary: fc.nat(2) },
  { weight: 6, arbitrary: fc.string({ maxLength: 200 }) },
  { weight: 6, arbitrary: record({ n: fc.nat(), s: fc.string() }) },
  { weight: 1, arbitrary: fc.constant(LARGE) },
)

export const event = fc.record(
  {
    kind: few('K1', 'K2', 'K3'),
    entity: few(...ENTITIES),
    data,
    scope: few('s1', 's2'),
    tags: fc.uniqueArray(few('t1', 't2', 't3'), { maxLength: 3 }),
    at: fc.integer({ min: -20, max: 20 }).map((time) => time * 10),
    id: reference,
    correlationId: few('c1', 'c2'),
    causationId: reference,
    lane: fc.nat(3),
    depth: fc.nat(3),
    schemaVersion: fc.nat(2),
    meta: fc.constantFrom(null, 0, 'm'),
    extensions: fc.constantFrom({ x: 1 }, []),
  },
  { requiredKeys: ['kind', 'entity', 'data'], noNullPrototype: true },
)

const clause = fc
  .record({
    kinds: maybe(fc.subarray(['K1', 'K2', 'K4'])),
    tags: maybe(fc.subarray(['t1', 't2', 't4'], { maxLength: 2 })),
    entity: maybe(few(...ENTITIES)),
  })
  .map(({ kinds, tags, entity }) => ({
    ...(kinds !== undefined && { kinds }),
    ...(tags !== undefined && { tags }),
    ...(entity !== undefined && { entity }),
  }))

export const call = record({
  events: fc.array(event, { minLength: 1, maxLength: 8 }),
  /** Which of the calls before with a key this one repeats, and not the events above. */
  repeats: maybe(fc.nat(9), 4),
  clockBy: fc.integer({ min: -30, max: 60 }),
  expect: maybe(
    fc.array(
      record({
        of: fc.nat(8),
        version: fc.constantFrom(
          'none' as const,
          'exists' as const,
          'right' as const,
          'right' as const,
          'old' as const,
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  ),
  condition: maybe(
    record({ clauses: fc.array(clause, { minLength: 1, maxLength: 3 }), back: fc.integer({ min: -1, max: 30 }) }),
  ),
  key: maybe(few('k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8')),
  buffered: fc.boolean(),
})

export const query = record({
  kind: maybe(fc.oneof(few('K1', 'K4'), fc.subarray(['K1', 'K2', 'K3']))),
  entity: maybe(few(...ENTITIES, 'unknown')),
  scope: maybe(few('s1', 's3')),
  tag: maybe(few('t1', 't3')),
  correlationId: maybe(few('c1')),
  causationId: maybe(reference),
  id: maybe(reference),
  idempotencyKey: maybe(few('k1', 'k2')),
  since: maybe(fc.integer({ min: -210, max: 210 })),
  until: maybe(fc.integer({ min: -210, max: 210 })),
  partition: maybe(fc.nat(2)),
  from: maybe(fc.nat(60)),
  to: maybe(fc.nat(60)),
  direction: maybe(fc.constantFrom('forward' as const, 'backward' as const)),
  limit: maybe(fc.nat(30)),
  pageLimit: fc.integer({ min: 1, max: 9 }),
  keep: fc.subarray([
    'kind',
    'entity',
    'scope',
    'tag',
    'correlationId',
    'causationId',
    'id',
    'idempotencyKey',
    'since',
    'until',
    'from',
    'to',
  ]),
})

const retention = fc.oneof(
  record({ maxEvents: fc.integer({ min: 1, max: 40 }) }),
  record({ maxBytes: fc.integer({ min: 1, max: 6_000 }) }),
  record({ maxAgeMs: fc.integer({ min: 1, max: 200 }) }),
  fc.constant({}),
)

const STEPS = {
  calls: record({
    do: fc.constant('calls' as const),
    atOnce: fc.boolean(),
    calls: fc.array(call, { minLength: 1, maxLength: 6 }),
    /** A read that goes on meanwhile. */
    meanwhile: maybe(query),
  }),
  /** Small events of other entities, one by one, so that there are many segments. */
  many: record({ do: fc.constant('many' as const), count: fc.integer({ min: 1, max: 30 }) }),
  query: record({ do: fc.constant('query' as const), query }),
  walk: record({ do: fc.constant('walk' as const), id: reference, limit: maybe(fc.integer({ min: 1, max: 5 })) }),
  prune: record({ do: fc.constant('prune' as const), percent: fc.nat(110), partition: fc.nat(2) }),
  retain: record({ do: fc.constant('retain' as const), retention }),
  change: record({
    do: fc.constant('change' as const),
    compression: maybe(fc.constantFrom('none' as const, 'deflate' as const)),
    windowMs: maybe(fc.integer({ min: 1, max: 100 })),
    windowKeys: maybe(fc.integer({ min: 1, max: 12 })),
  }),
  advance: record({ do: fc.constant('advance' as const), byMs: fc.constantFrom(10, 100, 1_000) }),
  checkpoint: record({ do: fc.constant('checkpoint' as const) }),
  recreate: record({ do: fc.constant('recreate' as const) }),
}

/** How often each step comes. */
export type Weights = Partial<Record<keyof typeof STEPS, number>>

type Value<A> = A extends fc.Arbitrary<infer T> ? T : never
export type Call = Value<typeof call>
export type Query = Value<typeof query>
export type Step = Value<(typeof STEPS)[keyof typeof STEPS]>
export type StepOf<Name extends Step['do']> = Extract<Step, { do: Name }>

/** Derived files that may be gone when a store is opened again. */
const DERIVED = ['.terms', 'terms-', '.index', '.timeindex', 'index.ckpt']

/** A topic and the lives of its store. */
export function plans(weights: Weights) {
  const steps = Object.entries(weights).map(([name, weight]) => ({
    weight,
    arbitrary: STEPS[name as keyof typeof STEPS] as fc.Arbitrary<Step>,
  }))
  return record({
    partitions: fc.integer({ min: 1, max: 3 }),
    segmentBytes: fc.constantFrom(300, 600, 3_000, 1 << 20),
    deflate: fc.boolean(),
    chainEvents: fc.boolean(),
    syncReads: fc.boolean(),
    lives: fc.array(
      record({
        checkpoint: fc.boolean(),
        memoryBudgetBytes: fc.constantFrom(0, 20_000, 1 << 25),
        /** Another store reads beside. */
        beside: fc.boolean(),
        steps: fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 16 }),
        end: fc.constantFrom('close' as const, 'close' as const, 'vanish' as const, 'delete' as const),
        loses: fc.subarray(DERIVED),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
}

export type Plan = Value<ReturnType<typeof plans>>
export type Life = Plan['lives'][number]
