/** What retention may have taken, and what it must have.
 * @module */
import { expect } from 'vitest'
import type { Retention } from '../../src/topic/types.ts'
import type { TopicModel } from './log-model.ts'

interface Kept {
  readonly partition: number
  /** The log start now. */
  readonly start: number
  readonly stats: { readonly sizeBytes: number; readonly segments: number }
  /** Where the segments begin. */
  readonly bases: readonly number[] | undefined
  readonly retention: Retention
  readonly now: number
  /** The bases are those of the segments and no others. */
  readonly exact: boolean
}

/** Nothing within the limits went, and what is beyond them did, but for less than a segment. The model has the log
 * start as it was. */
export function mustKeepWithin(model: TopicModel, kept: Kept): void {
  const { partition, start, bases = [], retention } = kept
  const log = model.partitions[partition] ?? []
  const before = model.starts[partition] ?? 0
  expect(start).toBeGreaterThanOrEqual(before)
  const { maxEvents, maxBytes, maxAgeMs } = retention
  const asked = maxEvents !== undefined || maxBytes !== undefined || maxAgeMs !== undefined
  if (!asked) expect(start).toBe(before)
  if (kept.exact) {
    expect(bases[0]).toBe(start)
    expect(kept.stats.segments).toBe(bases.length)
  }
  if (start > before && maxEvents !== undefined) expect(log.length - start).toBeGreaterThanOrEqual(maxEvents)
  const horizon = kept.now - (maxAgeMs ?? Number.POSITIVE_INFINITY)
  if (maxAgeMs !== undefined) {
    for (const { offset, recordedAt } of log.slice(before, start)) {
      expect([offset, recordedAt]).toEqual([offset, Math.min(recordedAt, horizon - 1)])
    }
  }
  // The first segment that stays is within the limits, at least in part, or the active one.
  const next = bases.find((base) => base > start)
  if (!kept.exact || next === undefined) return
  if (maxEvents !== undefined) expect(log.length - next).toBeLessThan(maxEvents)
  const last = log[next - 1]
  if (maxAgeMs !== undefined) expect(last?.recordedAt).toBeGreaterThanOrEqual(horizon)
}
