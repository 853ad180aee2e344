/** What a clean-up keeps.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CleanupPlan, type PlannedVersion, planCleanup, tierSettings } from '../../../src/history/cleanup/tiers.ts'
import type { Tier, Tiers, VersionKind } from '../../../src/history/types.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const RANKS: readonly Tier[] = ['raw', 'compressed', 'archive']

function versionsAt(times: readonly number[], kind: VersionKind = 'value'): PlannedVersion[] {
  return times.map((at, index) => ({ version: index + 1, at, kind, tier: 'raw', pinned: false }))
}

/** What is there after a plan was carried out. */
function applied(versions: readonly PlannedVersion[], plan: CleanupPlan): PlannedVersion[] {
  const kept = new Map(plan.keep.map((keep) => [keep.version, keep]))
  return versions.flatMap((version) => {
    const keep = kept.get(version.version)
    if (keep === undefined) return []
    return [{ ...version, tier: keep.tier, ...(keep.rollup && { kind: 'rollup' as const }) }]
  })
}

const numbers = (plan: CleanupPlan) => plan.keep.map(({ version }) => version)

describe('tierSettings()', () => {
  test('has the defaults of a day, 30 days and 365 days', () => {
    expect(tierSettings()).toEqual({
      raw: { forMs: DAY },
      compressed: { forMs: 30 * DAY, everyMs: HOUR },
      archive: { forMs: 365 * DAY, everyMs: DAY },
    })
  })

  test('lengthens a tier that is not given to the one before it', () => {
    expect(tierSettings({ raw: { forMs: 60 * DAY } }).compressed).toEqual({ forMs: 60 * DAY, everyMs: HOUR })
    const forEver = tierSettings({ raw: { forMs: null } })
    expect([forEver.compressed.forMs, forEver.archive.forMs]).toEqual([null, null])
  })

  test.each([
    [{ raw: { forMs: -1 } }],
    [{ raw: { forMs: 1.5 } }],
    [{ raw: { forMs: 10, everyMs: 0 } }],
    [{ raw: { forMs: undefined } }],
    [{ raw: { forMs: null }, compressed: { forMs: 1 } }],
    [{ compressed: { forMs: HOUR } }],
    [{ raw: { forMs: 1, every: 2 } }],
    [{ cold: { forMs: 1 } }],
    [{ raw: 5 }],
    [[]],
    [null],
  ])('refuses %j', (options) => {
    expect(() => tierSettings(options as never)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})

describe('planCleanup()', () => {
  const tiers = tierSettings({
    raw: { forMs: 10 },
    compressed: { forMs: 100, everyMs: 20 },
    archive: { forMs: 1_000, everyMs: 200 },
  })

  test('keeps the last value of each period, and all in a tier without one', () => {
    const plan = planCleanup(versionsAt([900, 901, 919, 920, 939, 990, 995]), tiers, 1_000)
    expect(plan.removed).toEqual([1, 2, 4])
    expect(plan.keep.map(({ tier }) => tier)).toEqual(['compressed', 'compressed', 'raw', 'raw'])
  })

  test('counts an age that is the limit to the younger tier', () => {
    expect(planCleanup(versionsAt([0, 0]), tiers, 10).keep[0]?.tier).toBe('raw')
    expect(planCleanup(versionsAt([0, 0]), tiers, 11).keep[0]?.tier).toBe('compressed')
    expect(numbers(planCleanup(versionsAt([0, 999]), tiers, 1_000))).toEqual([1, 2])
    expect(numbers(planCleanup(versionsAt([0, 999]), tiers, 1_001))).toEqual([2])
  })

  test('keeps the newest version however old it is', () => {
    expect(planCleanup(versionsAt([0, 1]), tiers, 1e9)).toEqual({
      keep: [{ version: 2, tier: 'archive' }],
      removed: [1],
    })
    expect(planCleanup([], tiers, 5)).toEqual({ keep: [], removed: [] })
  })

  test('keeps pinned versions as they are, beside the last one of their period or as that', () => {
    const versions = versionsAt([900, 901, 902, 990]).map((one) => ({ ...one, pinned: one.version === 2 }))
    expect(planCleanup(versions, tiers, 1_000).removed).toEqual([1])
    const last = versions.map((one) => ({ ...one, pinned: one.version === 3 }))
    expect(planCleanup(last, tiers, 1_000).removed).toEqual([1, 2])
    expect(numbers(planCleanup(last, tiers, 1e9))).toEqual([3, 4])
  })

  test('sums up the metrics of a period at its last version, without pinned ones', () => {
    const versions = versionsAt([900, 901, 902, 903, 990], 'metrics').map((one) => ({
      ...one,
      pinned: one.version === 4,
    }))
    const plan = planCleanup(versions, tiers, 1_000)
    expect(plan.removed).toEqual([1, 2])
    expect(plan.keep[0]).toEqual({ version: 3, tier: 'compressed', rollup: [1, 2, 3] })
    expect(plan.keep[1]).toEqual({ version: 4, tier: 'compressed' })
    const unpinned = applied(versions, plan).map((one) => ({ ...one, pinned: false }))
    expect(planCleanup(unpinned, tiers, 1_000).keep[0]).toEqual({ version: 4, tier: 'compressed', rollup: [3, 4] })
  })

  test('sums up a single version of metrics, and leaves a rollup alone', () => {
    const plan = planCleanup(versionsAt([900, 990], 'metrics'), tiers, 1_000)
    expect(plan.keep[0]?.rollup).toEqual([1])
    expect(planCleanup(applied(versionsAt([900, 990], 'metrics'), plan), tiers, 1_000).keep[0]?.rollup).toBeUndefined()
  })

  test('thins values and metrics of one history apart', () => {
    const versions = versionsAt([900, 901, 902, 903, 990]).map((one) => {
      return { ...one, kind: one.version % 2 === 0 ? ('metrics' as const) : ('value' as const) }
    })
    const plan = planCleanup(versions, tiers, 1_000)
    expect(plan.removed).toEqual([1, 2])
    expect(plan.keep[1]).toEqual({ version: 4, tier: 'compressed', rollup: [2, 4] })
  })

  test('never makes a version younger, and does nothing to it while its age does not ask for it', () => {
    const old = versionsAt([900, 901, 902]).map((one) => ({ ...one, tier: 'archive' as const }))
    expect(planCleanup(old, tiers, 902)).toEqual({
      keep: old.map(({ version }) => ({ version, tier: 'archive' })),
      removed: [],
    })
  })
})

/** Goal: the promises at the head of tiers.ts for any history, settings and clock. Method: plans for random versions,
 * carried out on the list of versions alone. */
describe('planCleanup() of random histories', () => {
  const tiersOf = fc
    .tuple(
      fc.array(fc.nat(400), { minLength: 3, maxLength: 3 }),
      fc.array(fc.option(fc.integer({ min: 1, max: 60 })), { minLength: 3, maxLength: 3 }),
    )
    .map(([ages, periods]): Tiers => {
      const sorted = [...ages].sort((a, b) => a - b)
      const [raw, compressed, archive] = sorted.map((forMs, at) => ({
        forMs,
        ...(periods[at] && { everyMs: periods[at] }),
      }))
      return { raw: raw ?? { forMs: 0 }, compressed: compressed ?? { forMs: 0 }, archive: archive ?? { forMs: 0 } }
    })
  const historyOf = fc
    .array(
      fc.record({
        step: fc.nat(20),
        kind: fc.constantFrom('value' as const, 'metrics' as const),
        pinned: fc.boolean(),
      }),
      { maxLength: 40 },
    )
    .map((steps) => {
      let at = 0
      return steps.map(({ step, kind, pinned }, index): PlannedVersion => {
        at += step
        return { version: index + 1, at, kind, tier: 'raw', pinned: pinned && index % 5 === 0 }
      })
    })
  const moments = fc.array(fc.nat(1_200), { minLength: 1, maxLength: 6 })

  test('loses no version, keeps pinned and newest ones, moves no version to a younger tier', () => {
    fc.assert(
      fc.property(historyOf, tiersOf, moments, (history, tiers, times) => {
        let versions = history
        for (const now of times) {
          const plan = planCleanup(versions, tiers, now)
          const all = [...numbers(plan), ...plan.removed].sort((a, b) => a - b)
          expect(all).toEqual(versions.map(({ version }) => version))
          const kept = new Map(plan.keep.map((keep) => [keep.version, keep]))
          for (const [at, before] of versions.entries()) {
            const keep = kept.get(before.version)
            if (before.pinned || at === versions.length - 1) expect(keep?.rollup ?? keep?.version).toBe(before.version)
            if (keep !== undefined) expect(RANKS.indexOf(keep.tier)).toBeGreaterThanOrEqual(RANKS.indexOf(before.tier))
          }
          const ranks = plan.keep.map(({ tier }) => RANKS.indexOf(tier))
          expect(ranks).toEqual([...ranks].sort((a, b) => b - a))
          versions = applied(versions, plan)
        }
      }),
    )
  })

  test('changes nothing the second time, nor when the clock went back', () => {
    fc.assert(
      fc.property(historyOf, tiersOf, moments, fc.nat(1_200), (history, tiers, times, back) => {
        let versions = history
        for (const now of times) versions = applied(versions, planCleanup(versions, tiers, now))
        const latest = Math.max(...times)
        versions = applied(versions, planCleanup(versions, tiers, latest))
        for (const now of [latest, Math.max(0, latest - back)]) {
          const plan = planCleanup(versions, tiers, now)
          expect(plan.removed).toEqual([])
          expect(plan.keep.filter(({ rollup }) => rollup)).toEqual([])
          expect(applied(versions, plan)).toEqual(versions)
        }
      }),
    )
  })

  test('sums up each measurement exactly once, while others are appended', () => {
    fc.assert(
      fc.property(historyOf, tiersOf, moments, (history, tiers, times) => {
        let versions: PlannedVersion[] = []
        let appended = 0
        // What each version sums up.
        const sums = new Map(
          history.filter(({ kind }) => kind === 'metrics').map(({ version }) => [version, [version]]),
        )
        for (const [stage, now] of [...times].sort((a, b) => a - b).entries()) {
          const end = Math.ceil((history.length * (stage + 1)) / times.length)
          versions = [...versions, ...history.slice(appended, end)]
          appended = end
          const plan = planCleanup(versions, tiers, now)
          for (const { version, rollup } of plan.keep)
            if (rollup)
              sums.set(
                version,
                rollup.flatMap((member) => sums.get(member) ?? [-1]),
              )
          const rolled = new Set(plan.keep.flatMap(({ rollup }) => rollup ?? []))
          const expired = versions.filter(
            ({ version, kind }) => kind !== 'value' && plan.removed.includes(version) && !rolled.has(version),
          )
          for (const { at } of expired) expect(now - at).toBeGreaterThan(tiers.archive.forMs ?? 0)
          versions = applied(versions, plan)
          const counted = versions.flatMap(({ version }) => sums.get(version) ?? [])
          expect(new Set(counted).size).toBe(counted.length)
        }
      }),
    )
  })
})
