/** What a random test does to a store and its snapshots. Nothing here knows the product.
 * @module */
import fc from 'fast-check'

/** Plain objects, as callers make them. */
const record = <T>(model: { [Name in keyof T]: fc.Arbitrary<T[Name]> }) => fc.record(model, { noNullPrototype: true })
const maybe = <T>(value: fc.Arbitrary<T>, freq = 2) => fc.option(value, { nil: undefined, freq })

export const ENTITIES = ['a', 'b', 'c', 'd', 'ä']

const event = fc.record(
  {
    kind: fc.constantFrom('K1', 'K2'),
    data: fc.oneof(fc.nat(9), fc.string({ maxLength: 120 }), record({ n: fc.nat(), s: fc.string() })),
    at: fc.integer({ min: -20, max: 20 }),
    id: fc.constantFrom('own-1', 'own-2', 'own-3'),
    tags: fc.uniqueArray(fc.constantFrom('t1', 't2', 't3'), { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: ['kind', 'data'], noNullPrototype: true },
)

/** Where a copy ends: in every partition a part of the way, beside it, or at the time of an event, beside it. */
const until = maybe(
  fc.oneof(
    record({
      percents: fc.array(fc.nat(100), { minLength: 3, maxLength: 3 }),
      by: fc.constantFrom(0, 0, 0, 0, -1, 1, 2),
    }),
    record({ at: fc.nat(200), by: fc.constantFrom(-1, 0, 0, 1) }),
  ),
  3,
)

const step = <Name extends string, T>(name: Name, model: { [Field in keyof T]: fc.Arbitrary<T[Field]> }) =>
  fc.tuple(fc.constant(name), record(model)).map(([name, rest]) => ({ do: name, ...rest }))

/** Which of what there is. */
const which = fc.nat(99)

const STEPS = {
  append: step('append', {
    topic: which,
    /** In one batch, if they are of one partition. */
    atOnce: fc.boolean(),
    calls: fc.array(
      record({
        entity: fc.constantFrom(...ENTITIES),
        events: fc.array(event, { minLength: 1, maxLength: 6 }),
        key: maybe(fc.constantFrom('k1', 'k2', 'k3', 'k4', 'k5'), 3),
        clockBy: fc.integer({ min: -5, max: 30 }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  }),
  prune: step('prune', { topic: which, percent: fc.nat(100) }),
  write: step('write', { name: fc.constantFrom('one', 'two'), value: maybe(fc.jsonValue({ maxDepth: 2 }), 4) }),
  version: step('version', {
    name: fc.constantFrom('board', 'plan'),
    values: maybe(fc.array(fc.jsonValue({ maxDepth: 2 }), { minLength: 1, maxLength: 3 }), 6),
  }),
  project: step('project', { topic: which }),
  advance: step('advance', { byMs: fc.constantFrom(-400, 1, 50, 300, 900, 2_000) }),
  create: step('create', {
    of: fc.constantFrom('all' as const, 'all' as const, 'topic' as const, 'partition' as const),
    topic: which,
    partition: fc.nat(2),
    label: maybe(fc.constantFrom('first', 'ä'.repeat(128)), 3),
    pinned: fc.nat(5).map((n) => n === 0),
    minIntervalMs: fc.constantFrom(0, 0, 0, 200),
    /** Calls that are under way meanwhile. */
    meanwhile: fc.nat(3),
  }),
  open: step('open', { snapshot: which }),
  pin: step('pin', { snapshot: which, pinned: fc.boolean() }),
  delete: step('delete', { snapshot: which }),
  cleanup: step('cleanup', {
    maxSnapshots: maybe(fc.integer({ min: 1, max: 4 })),
    retentionTimeMs: maybe(fc.constantFrom(100, 1_000)),
    dryOnly: fc.nat(2).map((n) => n === 0),
  }),
  usage: step('usage', {}),
  fork: step('fork', { topic: which, until }),
  drop: step('drop', { topic: which }),
  restore: step('restore', {
    snapshot: which,
    /** Of the snapshot; all when undefined. */
    topic: maybe(which),
    until,
    to: fc.constantFrom('place' as const, 'place' as const, 'again' as const, 'topic' as const, 'topic' as const),
    linked: fc.boolean(),
    byReader: fc.nat(3).map((n) => n === 0),
  }),
  copy: step('copy', {
    snapshot: which,
    /** 0 is the store itself. */
    from: fc.constantFrom(0, 0, 0, 1, 2),
    to: fc.nat(2),
  }),
  reopen: step('reopen', { close: fc.boolean(), beside: fc.boolean() }),
}

const WEIGHTS = {
  ...{ append: 10, prune: 2, write: 2, version: 3, project: 2, advance: 2 },
  ...{ create: 9, open: 4, pin: 2, delete: 2, cleanup: 3, usage: 2 },
  ...{ fork: 4, drop: 1, restore: 5, copy: 5, reopen: 3 },
}

type Value<A> = A extends fc.Arbitrary<infer T> ? T : never
export type Step = Value<(typeof STEPS)[keyof typeof STEPS]>
export type StepOf<Name extends Step['do']> = Extract<Step, { do: Name }>
export type UntilPlan = Value<typeof until>

const steps = fc.oneof(
  ...Object.entries(WEIGHTS).map(([name, weight]) => ({
    weight,
    arbitrary: STEPS[name as keyof typeof STEPS] as fc.Arbitrary<Step>,
  })),
)

/** A store with two topics, and what happens to it. */
export const snapshotPlans = record({
  topics: fc.array(
    record({
      partitions: fc.integer({ min: 1, max: 3 }),
      segmentBytes: fc.constantFrom(300, 700, 2_000),
      deflate: fc.boolean(),
      chainEvents: fc.boolean(),
    }),
    { minLength: 2, maxLength: 2 },
  ),
  /** The storage of the store can link. */
  links: fc.nat(4).map((n) => n > 0),
  steps: fc.array(steps, { minLength: 1, maxLength: 30 }),
})

export type SnapshotPlan = Value<typeof snapshotPlans>
