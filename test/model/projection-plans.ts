/** What a random test does to projections and the topic they fold.
 * @module */
import fc from 'fast-check'
import { FOLDS } from './projection-model.ts'

const record = <T>(model: { [Name in keyof T]: fc.Arbitrary<T[Name]> }) => fc.record(model, { noNullPrototype: true })

const events = fc.array(
  record({
    entity: fc.nat(6),
    kind: fc.constantFrom('Made', 'Gone', 'Else'),
    poison: fc.integer({ min: 0, max: 60 }).map((n) => n === 0),
    /** The clock moves, also back. */
    clockBy: fc.integer({ min: -3, max: 9 }),
  }),
  { minLength: 1, maxLength: 25 },
)

/** Which projection. */
const of = fc.nat(1)

const STEPS = {
  append: record({ do: fc.constant('append' as const), events }),
  run: record({ do: fc.constant('run' as const), of, rebuild: fc.integer({ min: 0, max: 4 }).map((n) => n === 0) }),
  /** Append while it runs, and see that it goes on. */
  follow: record({ do: fc.constant('follow' as const), of, rounds: fc.array(events, { maxLength: 3 }) }),
  fold: record({ do: fc.constant('fold' as const), of, version: fc.integer({ min: 1, max: 3 }) }),
  heal: record({ do: fc.constant('heal' as const) }),
  prune: record({ do: fc.constant('prune' as const), partition: fc.nat(2), percent: fc.nat(100) }),
  at: record({ do: fc.constant('at' as const), of, moments: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 5 }) }),
  remake: record({ do: fc.constant('remake' as const), of }),
  topic: record({ do: fc.constant('topic' as const), gap: fc.boolean(), partitions: fc.integer({ min: 1, max: 3 }) }),
}

const WEIGHTS = { append: 10, run: 8, follow: 2, fold: 2, heal: 2, prune: 2, at: 6, remake: 1, topic: 1 }

type Value<A> = A extends fc.Arbitrary<infer T> ? T : never
export type Step = Value<(typeof STEPS)[keyof typeof STEPS]>
export type StepOf<Name extends Step['do']> = Extract<Step, { do: Name }>
export type Events = Value<typeof events>

const step = fc.oneof(
  ...Object.entries(WEIGHTS).map(([name, weight]) => ({
    weight,
    arbitrary: STEPS[name as keyof typeof STEPS] as fc.Arbitrary<Step>,
  })),
)

const projection = record({
  keep: fc.constantFrom('document' as const, 'history' as const),
  everyEvents: fc.constantFrom(1, 3, 7, 20, 10_000),
  style: fc.constantFrom(...FOLDS),
})

export const projectionPlans = record({
  partitions: fc.integer({ min: 1, max: 3 }),
  projections: fc.tuple(projection, projection),
  lives: fc.array(
    record({
      beside: fc.boolean(),
      steps: fc.array(step, { minLength: 1, maxLength: 20 }),
      end: fc.constantFrom('close' as const, 'vanish' as const),
    }),
    { minLength: 1, maxLength: 3 },
  ),
})

export type ProjectionPlan = Value<typeof projectionPlans>
export type Life = ProjectionPlan['lives'][number]
