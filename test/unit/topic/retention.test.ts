/** What pruning may take: plans for partitions made up for the purpose.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PartitionRow, SegmentRow } from '../../../src/manifest/index.ts'
import { type PruneRule, planPrune } from '../../../src/topic/retention.ts'

const hash = (offset: number) => offset.toString(16).padStart(64, '0')

/** Segments of so many events each, of 100 bytes an event, recorded an hour after each other; the last one is active.
 * */
function rowOf(events: readonly number[], dated = true): PartitionRow {
  let offset = 0
  const segments = events.map((count, at): SegmentRow => {
    const baseOffset = offset
    offset += count
    const segment = { file: `${at}.log`, id: hash(at).slice(48), baseOffset, hashBefore: hash(baseOffset) }
    const times = dated && count > 0 ? { recordedAt: at * HOUR } : {}
    const sealed = { endOffset: offset, endPosition: 128 + count * 100, endHash: hash(offset), ...times }
    return at === events.length - 1 ? segment : { ...segment, sealed }
  })
  return { partition: 0, headSlot: 1, logStartOffset: 0, logStartHash: hash(0), segments }
}

const HOUR = 3_600_000

function plan(events: readonly number[], rule: PruneRule, now = 0, dated = true) {
  const end = { position: 128 + (events.at(-1) ?? 0) * 100, offset: events.reduce((sum, count) => sum + count, 0) }
  return planPrune(rowOf(events, dated), rule, { now, end })
}

describe('planPrune()', () => {
  test('takes whole segments below an offset, and never the active one', () => {
    expect(plan([5, 5, 5, 5], { before: 4 })).toBeUndefined()
    expect(plan([5, 5, 5, 5], { before: 5 })).toEqual({ segments: 1, logStartOffset: 5, logStartHash: hash(5) })
    expect(plan([5, 5, 5, 5], { before: 14 })?.segments).toBe(2)
    expect(plan([5, 5, 5, 5], { before: 100 })?.segments).toBe(3)
    expect(plan([5], { before: 5 })).toBeUndefined()
  })

  test('takes what is older than maxAgeMs; the limit itself is not too old', () => {
    expect(plan([5, 5, 5, 5], { maxAgeMs: HOUR }, HOUR)).toBeUndefined()
    expect(plan([5, 5, 5, 5], { maxAgeMs: HOUR }, HOUR + 1)?.segments).toBe(1)
    expect(plan([5, 5, 5, 5], { maxAgeMs: HOUR }, 100 * HOUR)?.segments).toBe(3)
  })

  test('keeps a segment whose time is not known, and what comes after it', () => {
    expect(plan([5, 5, 5], { maxAgeMs: 1 }, 100 * HOUR, false)).toBeUndefined()
  })

  test('keeps as many events and bytes as the limits say', () => {
    expect(plan([5, 5, 5, 5], { maxEvents: 10 })?.segments).toBe(2)
    expect(plan([5, 5, 5, 5], { maxEvents: 11 })?.segments).toBe(1)
    expect(plan([5, 5, 5, 5], { maxEvents: 16 })).toBeUndefined()
    expect(plan([5, 5, 5, 5], { maxBytes: 628 })?.segments).toBe(3)
    expect(plan([5, 5, 5, 5], { maxBytes: 629 })?.segments).toBe(2)
    expect(plan([5, 5, 5, 5], { maxBytes: 1_884 })?.segments).toBe(1)
    expect(plan([5, 5, 5, 5], { maxBytes: 1_885 })).toBeUndefined()
  })

  test('takes what any of the limits gives up', () => {
    expect(plan([5, 5, 5, 5], { maxEvents: 16, maxAgeMs: HOUR }, 2 * HOUR + 1)?.segments).toBe(2)
  })

  test('takes segments without events together with those before them, not by themselves', () => {
    expect(plan([0, 0, 5], { before: 5 })).toBeUndefined()
    expect(plan([5, 0, 0, 5], { before: 5 })).toMatchObject({ segments: 3, logStartOffset: 5 })
  })

  test('takes all that a limit gives up and no more, for any segments', () => {
    // Goal: what stays is within the limit by less than a segment. Method: random segments and limits.
    const counts = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(counts, fc.integer({ min: 1, max: 60 }), (events, maxEvents) => {
        const total = events.reduce((sum, count) => sum + count, 0)
        const found = plan(events, { maxEvents })
        const kept = total - (found?.logStartOffset ?? 0)
        expect(kept).toBeGreaterThanOrEqual(Math.min(total, maxEvents))
        const next = events.slice(found?.segments ?? 0, -1).find((count) => count > 0)
        if (next !== undefined) expect(kept - next).toBeLessThan(maxEvents)
      }),
    )
  })
})
