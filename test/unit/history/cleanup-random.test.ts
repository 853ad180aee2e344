/** Clean-ups of random histories.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { metricsValue } from '../../../src/history/cleanup/metrics.ts'
import { tierSettings } from '../../../src/history/cleanup/tiers.ts'
import type { MetricRollup } from '../../../src/history/types.ts'
import { difference } from '../../support/same-value.ts'
import { anyValue } from '../document/support/any-value.ts'
import { type Given, SmallHistory } from './support/small-history.ts'

const series = (values: number[]) =>
  metricsValue({ metrics: { cpu: { timestamps: values.map((_, at) => BigInt(at)), values } } })

/** Goal: what is kept is exact, what is counted is true, and nothing is counted twice, for any history. Method: random
 * values, kinds, pins, tiers and clocks; appends and clean-ups in turn; each dry run is compared with the real one. */
test('rewriteGroups() keeps random histories exact through clean-ups in any order', async () => {
  const version = fc.record({
    step: fc.nat(60),
    value: fc.oneof(anyValue, fc.constantFrom('same', 'other', { deep: ['same'] })),
    metrics: fc.option(fc.array(fc.integer({ min: -1_000, max: 1_000 }), { maxLength: 4 }), { freq: 2 }),
    pinned: fc.integer({ min: 0, max: 7 }),
    offset: fc.option(fc.nat(3)),
  })
  const ages = fc.array(fc.nat(300), { minLength: 3, maxLength: 3 }).map((all) => [...all].sort((a, b) => a - b))
  const periods = fc.array(fc.option(fc.integer({ min: 1, max: 120 })), { minLength: 3, maxLength: 3 })
  const stage = fc.record({ versions: fc.array(version, { maxLength: 10 }), wait: fc.integer({ min: -100, max: 400 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(stage, { maxLength: 5 }), ages, periods, async (stages, forMs, everyMs) => {
      const tier = (at: number) => ({ forMs: forMs[at] ?? 0, ...(everyMs[at] && { everyMs: everyMs[at] }) })
      const history = new SmallHistory({
        tiers: tierSettings({ raw: tier(0), compressed: tier(1), archive: tier(2) }),
        keyframeInterval: 4,
      })
      const values = new Map<number, unknown>()
      const measured = new Map<number, number[]>()
      let at = 0
      let offset = 0
      for (const { versions, wait } of stages) {
        const list = versions.map((one): Given => {
          at += one.step
          offset += one.offset ?? 0
          const number = values.size + 1
          if (one.metrics) measured.set(number, one.metrics)
          const value = one.metrics ? series(one.metrics) : one.value
          values.set(number, value)
          if (one.pinned === 0) history.row = { ...history.row, pins: [...(history.row.pins ?? []), number] }
          return { at, value, kind: one.metrics ? 'metrics' : 'value', ...(one.offset !== null && { offset }) }
        })
        await history.append(list)
        await checkedCleanup(history, { now: Math.max(0, at + wait), values, measured })
      }
    }),
    { numRuns: 60 },
  )
}, 60_000)

interface Known {
  readonly now: number
  readonly values: Map<number, unknown>
  /** What each version measured or sums up. */
  readonly measured: Map<number, number[]>
}

async function checkedCleanup(history: SmallHistory, { now, values, measured }: Known): Promise<void> {
  const before = history.versions
  const dry = await history.rewrite({ now, dryRun: true })
  dry.release()
  const { report, from } = await history.cleanup({ now })
  expect({ ...dry.report, dryRun: false }).toEqual(report)
  expect(dry.from).toBe(from)
  expect(dry.groups.map(({ file: _, ...group }) => group)).toEqual(
    history.row.groups.slice(from).map(({ file: _, ...group }) => group),
  )
  const after = await history.all()
  expect(after.map(({ version }) => version)).toEqual(history.versions)
  expect([...history.versions, ...report.removed].sort((a, b) => a - b)).toEqual(before)
  expect(before.length === 0 || history.versions.at(-1) === before.at(-1)).toBe(true)
  const sizes = await history.files()
  expect(Object.values(sizes).reduce((sum, size) => sum + size, 0)).toBe(report.storedBytes)
  let lastOffset = 0
  for (const group of history.row.groups) {
    const inside = after.filter((one) => one.group === group)
    expect(sizes[`${group.file}.vgrp`]).toBe(group.endBytes)
    expect([inside[0]?.at, inside.at(-1)?.at]).toEqual([group.firstAt, group.lastAt])
    expect(inside.reduce((sum, { rawBytes }) => sum + rawBytes, 0)).toBe(group.rawBytes)
    expect(group.lastOffset ?? lastOffset).toBeGreaterThanOrEqual(
      Math.max(lastOffset, ...inside.map((one) => one.offset ?? 0)),
    )
    lastOffset = group.lastOffset ?? lastOffset
  }
  for (const { version, kind, value } of after) {
    if (kind === 'rollup') values.set(version, checkedRollup(value, version, { measured, removed: report.removed }))
    expect(difference(value, values.get(version))).toBeUndefined()
  }
  const again = await history.rewrite({ now, dryRun: true })
  again.release()
  expect(again.report).toMatchObject({ removed: [], rolledUp: 0, groupsRewritten: 0, freedBytes: 0 })
  expect(history.held).toBe(0)
}

/** A rollup sums up the metrics that went since the version before it, and its own. */
function checkedRollup(
  value: unknown,
  version: number,
  known: { measured: Map<number, number[]>; removed: readonly number[] },
): unknown {
  const { cpu } = (value as { rollup: Record<string, MetricRollup> }).rollup
  const own = known.measured.get(version) ?? []
  const count = cpu?.count ?? 0
  // Members are the nearest ones before it that went.
  const members = known.removed.filter((one) => one < version && known.measured.has(one))
  const all: number[] = [...own]
  while (all.length < count) {
    const member = members.pop()
    if (member === undefined) break
    all.unshift(...(known.measured.get(member) ?? []))
    known.measured.delete(member)
  }
  known.measured.set(version, all)
  expect(count).toBe(all.length)
  if (cpu !== undefined) {
    expect([cpu.min, cpu.max, cpu.last]).toEqual([Math.min(...all), Math.max(...all), all.at(-1)])
    expect(cpu.mean).toBeCloseTo(all.reduce((sum, one) => sum + one, 0) / count, 6)
  }
  return value
}
