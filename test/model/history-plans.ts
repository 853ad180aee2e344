/** What a random test does to the histories of a store.
 * @module */
import fc from 'fast-check'
import type { HistoryOptions, TierOptions, Tiers } from '../../src/history/types.ts'
import { FINGERPRINTS, LABELS, METRICS } from './history-checks.ts'
import { valuePlan } from './history-values.ts'

const record = <T>(model: { [Name in keyof T]: fc.Arbitrary<T[Name]> }) => fc.record(model, { noNullPrototype: true })
const maybe = <T>(value: fc.Arbitrary<T>, freq = 2) => fc.option(value, { nil: undefined, freq })
const seed = fc.integer({ min: 0, max: 0x7fff_ffff })

const number = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: -1_000, max: 1_000 }) },
  { weight: 1, arbitrary: fc.constant(NaN) },
)
const series = fc
  .array(fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), number), { maxLength: 12 })
  .map((points) => ({ timestamps: points.map(([time]) => time), values: points.map(([, value]) => value) }))

const append = record({
  value: valuePlan,
  /** Measured series in the place of the value. */
  metrics: maybe(fc.array(fc.tuple(fc.constantFrom(...METRICS), series), { maxLength: 3 }), 4),
  typed: fc.boolean(),
  label: maybe(fc.constantFrom(...LABELS)),
  fingerprint: maybe(fc.constantFrom(...FINGERPRINTS), 4),
  metadata: maybe(fc.constantFrom({}, { by: 'me', list: [1, -0, 2n] }, { __proto: null, at: new Date(5) }), 3),
  /** Above, or below, the last one. */
  offsetBy: maybe(fc.integer({ min: -1, max: 4 })),
  atBy: maybe(fc.integer({ min: -1, max: 40 }), 3),
  ifVersion: maybe(fc.constantFrom('right' as const, 'right' as const, 'old' as const, 'none' as const), 3),
})

const ages = fc
  .array(fc.integer({ min: 0, max: 120 }), { minLength: 3, maxLength: 3 })
  .map((all) => all.sort((a, b) => a - b))
const every = maybe(fc.integer({ min: 1, max: 60 }))

const tiers = fc
  .tuple(ages, fc.tuple(every, every, every), fc.integer({ min: 0, max: 6 }))
  .map(([ages, every, ends]): Tiers => {
    const tier = (at: number): TierOptions => ({
      // From here on everything stays.
      forMs: at + ends < 3 ? (ages[at] as number) : at + ends === 3 ? null : (ages[at] as number),
      ...(every[at] !== undefined && { everyMs: every[at] }),
    })
    const [raw, compressed, archive] = [tier(0), tier(1), tier(2)]
    return grown({ raw, compressed, archive })
  })

/** Ages that do not fall, also where one has no end. */
function grown({ raw, compressed, archive }: Tiers): Tiers {
  const endless = (tier: TierOptions, before: TierOptions) => (before.forMs === null ? { ...tier, forMs: null } : tier)
  const second = endless(compressed, raw)
  return { raw, compressed: second, archive: endless(archive, second) }
}

const options = record({
  keyframeInterval: fc.constantFrom(1, 2, 3, 5, 16, 128),
  keyField: maybe(fc.constant('id')),
  tiers,
}).map(
  ({
    keyField,
    ...rest
  }): Required<Omit<HistoryOptions, 'keyField' | 'tiers'>> & { keyField?: string; tiers: Tiers } => ({
    ...rest,
    ...(keyField !== undefined && { keyField }),
  }),
)

/** Which of the histories. */
const of = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) })

const STEPS = {
  append: record({
    do: fc.constant('append' as const),
    of,
    atOnce: fc.boolean(),
    appends: fc.array(append, { minLength: 1, maxLength: 6 }),
    clockBy: fc.integer({ min: -10, max: 60 }),
    /** Reads beside the appends. */
    meanwhile: fc.boolean(),
    /** A clean-up behind them. */
    cleanup: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    seed,
  }),
  check: record({ do: fc.constant('check' as const), of, atOnce: fc.boolean(), seed }),
  pin: record({ do: fc.constant('pin' as const), of, which: fc.nat(99), pinned: fc.boolean() }),
  cleanup: record({
    do: fc.constant('cleanup' as const),
    of,
    clockBy: fc.integer({ min: -20, max: 120 }),
    now: maybe(fc.integer({ min: -50, max: 150 }), 3),
    dryRun: fc.boolean(),
    meanwhile: fc.boolean(),
  }),
  change: record({ do: fc.constant('change' as const), of, options }),
  remake: record({ do: fc.constant('remake' as const), of, options, clockBy: fc.nat(1) }),
}

const WEIGHTS = { append: 12, check: 4, pin: 2, cleanup: 3, change: 1, remake: 1 }

type Value<A> = A extends fc.Arbitrary<infer T> ? T : never
export type AppendPlan = Value<typeof append>
export type Step = Value<(typeof STEPS)[keyof typeof STEPS]>
export type StepOf<Name extends Step['do']> = Extract<Step, { do: Name }>

const step = fc.oneof(
  ...Object.entries(WEIGHTS).map(([name, weight]) => ({
    weight,
    arbitrary: STEPS[name as keyof typeof STEPS] as fc.Arbitrary<Step>,
  })),
)

/** Histories and the lives of their store. */
export const historyPlans = record({
  options: fc.array(options, { minLength: 3, maxLength: 3 }),
  syncReads: fc.boolean(),
  lives: fc.array(
    record({
      /** Another store reads beside. */
      beside: fc.boolean(),
      steps: fc.array(step, { minLength: 1, maxLength: 14 }),
      end: fc.constantFrom('close' as const, 'close' as const, 'vanish' as const, 'vanish busy' as const),
      seed,
    }),
    { minLength: 1, maxLength: 4 },
  ),
})

export type HistoryPlan = Value<typeof historyPlans>
export type Life = HistoryPlan['lives'][number]
