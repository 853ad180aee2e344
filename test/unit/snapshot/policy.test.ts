/** The policy of snapshots: what goes, and when the next one may be made.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isVarveError, type VarveError } from '../../../src/errors.ts'
import {
  checkInterval,
  checkPolicy,
  DEFAULT_POLICY,
  newestFirst,
  newestOf,
  planCleanup,
} from '../../../src/snapshot/policy/policy.ts'
import type { SnapshotInfo, SnapshotPolicy, SnapshotTarget } from '../../../src/snapshot/types.ts'
import { rowOf } from './row.ts'

const HOUR = 60 * 60_000
const NOW = 1_700_000_000_000

/** Snapshots of one target, so many hours old. */
function aged(hours: readonly number[], facts: SnapshotTarget & { pinned?: boolean } = {}): SnapshotInfo[] {
  return hours.map((hour) => rowOf(NOW - hour * HOUR, facts))
}

function idsOf(removed: readonly { id: string }[]): string[] {
  return removed.map(({ id }) => id)
}

function caught(work: () => unknown): VarveError {
  try {
    work()
  } catch (error) {
    if (isVarveError(error)) return error
    throw error
  }
  throw new Error('it throws')
}

describe('checkPolicy()', () => {
  test('gives the default of DESIGN.md section 8 when nothing is given', () => {
    expect(checkPolicy()).toEqual({ maxSnapshots: 5, retentionTimeMs: 86_400_000, minIntervalMs: 3_600_000 })
    expect(checkPolicy({})).toEqual(DEFAULT_POLICY)
  })

  test('puts the fields that are given in the place of those of the base', () => {
    const base = checkPolicy({ maxSnapshots: 9, minIntervalMs: 7 })
    expect(checkPolicy({ maxSnapshots: 1 }, base)).toEqual({ ...base, maxSnapshots: 1 })
    expect(checkPolicy({ minIntervalMs: 0 }, base).minIntervalMs).toBe(0)
    expect(checkPolicy({ retentionTimeMs: Number.MAX_SAFE_INTEGER }).maxSnapshots).toBe(5)
  })

  test('takes a field that is undefined for one that is not given', () => {
    expect(checkPolicy({ maxSnapshots: undefined } as unknown as Partial<SnapshotPolicy>)).toEqual(DEFAULT_POLICY)
  })

  test.each([
    [{ maxSnapshots: 0 }, 'policy.maxSnapshots'],
    [{ maxSnapshots: 1.5 }, 'policy.maxSnapshots'],
    [{ maxSnapshots: '3' }, 'policy.maxSnapshots'],
    [{ retentionTimeMs: 0 }, 'policy.retentionTimeMs'],
    [{ retentionTimeMs: Number.POSITIVE_INFINITY }, 'policy.retentionTimeMs'],
    [{ minIntervalMs: -1 }, 'policy.minIntervalMs'],
    [{ minIntervalMs: Number.NaN }, 'policy.minIntervalMs'],
    [{ maxSnapshot: 3 }, 'policy.maxSnapshot'],
    [{ toString: 3 }, 'policy.toString'],
    [null, 'policy'],
    [[], 'policy'],
    [5, 'policy'],
  ])('refuses %j', (given, option) => {
    const error = caught(() => checkPolicy(given as Partial<SnapshotPolicy>))
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.details.option).toBe(option)
  })
})

describe('checkInterval()', () => {
  const facts = { now: NOW, minIntervalMs: HOUR }

  test('passes without a snapshot, and at the moment when the interval is over', () => {
    checkInterval([], {}, facts)
    checkInterval(aged([1, 2]), {}, facts)
    checkInterval(aged([0]), {}, { now: NOW, minIntervalMs: 0 })
  })

  test('refuses one millisecond earlier, and says when the next one is allowed', () => {
    const [newest, ...older] = [rowOf(NOW - HOUR + 1), ...aged([5, 3])]
    const error = caught(() => checkInterval([...older, newest], {}, facts))
    expect(error.code).toBe('SNAPSHOT_TOO_SOON')
    expect(error.kind).toBe('busy')
    expect(error.retryable).toBe(true)
    expect(error.details).toEqual({ snapshot: newest.id, nextAllowedAt: NOW + 1, retryAfterMs: 1 })
    expect(error.message).toContain(new Date(NOW + 1).toISOString())
    checkInterval([newest], {}, { now: NOW + 1, minIntervalMs: HOUR })
  })

  test('counts for each target on its own, and pinned snapshots too', () => {
    const infos = [...aged([0], { topic: 'orders' }), ...aged([0], { topic: 'orders', partition: 1 })]
    checkInterval(infos, {}, facts)
    checkInterval(infos, { topic: 'order' }, facts)
    checkInterval(infos, { topic: 'orders', partition: 0 }, facts)
    for (const target of [{ topic: 'orders' }, { topic: 'orders', partition: 1 }])
      expect(caught(() => checkInterval(infos, target, facts)).code).toBe('SNAPSHOT_TOO_SOON')
    expect(caught(() => checkInterval(aged([0], { pinned: true }), {}, facts)).code).toBe('SNAPSHOT_TOO_SOON')
  })

  test('does not wait for a snapshot from the future, which a clock that went back leaves', () => {
    checkInterval(aged([-8_760]), {}, facts)
    const error = caught(() => checkInterval([...aged([-8_760]), rowOf(NOW - 10)], {}, facts))
    expect(error.details.retryAfterMs).toBe(HOUR - 10)
  })

  test('never waits longer than the interval, whatever the clock did', () => {
    const seed = 20_261_121
    console.info(`seed ${seed}`)
    const times = fc.array(fc.integer({ min: 0, max: 2 * NOW }))
    const plan = fc.property(times, fc.nat({ max: 10 * HOUR }), (stamps, minIntervalMs) => {
      const infos = stamps.map((timestamp) => rowOf(timestamp))
      try {
        checkInterval(infos, {}, { now: NOW, minIntervalMs })
      } catch (error) {
        const { retryAfterMs, nextAllowedAt } = (error as VarveError).details as Record<string, number>
        expect(retryAfterMs).toBeGreaterThan(0)
        expect(retryAfterMs).toBeLessThanOrEqual(minIntervalMs)
        checkInterval(
          infos.filter(({ timestamp }) => timestamp <= NOW),
          {},
          { now: nextAllowedAt ?? 0, minIntervalMs },
        )
      }
    })
    fc.assert(plan, { seed, numRuns: 300 })
  })

  test('names a moment that a date can say for an interval without end', () => {
    const forEver = { now: NOW, minIntervalMs: Number.MAX_SAFE_INTEGER }
    expect(caught(() => checkInterval(aged([0]), {}, forEver)).details.nextAllowedAt).toBe(8.64e15)
  })
})

describe('planCleanup()', () => {
  test('keeps the newest so many', () => {
    const infos = aged([1, 2, 3, 4, 5, 6, 7])
    expect(planCleanup(infos, DEFAULT_POLICY, NOW)).toEqual([
      { id: infos[6]?.id, reason: 'count' },
      { id: infos[5]?.id, reason: 'count' },
    ])
    expect(planCleanup(infos.slice(0, 5), DEFAULT_POLICY, NOW)).toEqual([])
    expect(planCleanup([], DEFAULT_POLICY, NOW)).toEqual([])
  })

  test('removes what is older than the retention time, not what is exactly as old', () => {
    const infos = aged([1, 24, 25])
    expect(planCleanup(infos, DEFAULT_POLICY, NOW)).toEqual([{ id: infos[2]?.id, reason: 'age' }])
    expect(planCleanup(infos, DEFAULT_POLICY, NOW + 1)).toHaveLength(2)
  })

  test('keeps the newest of a target however old it is', () => {
    const infos = [...aged([900, 800]), ...aged([700], { topic: 'a' }), ...aged([600], { topic: 'a', partition: 0 })]
    expect(idsOf(planCleanup(infos, DEFAULT_POLICY, NOW))).toEqual([infos[0]?.id])
  })

  test('counts for each target on its own', () => {
    const hours = [1, 2, 3, 4, 5]
    const infos = [...aged(hours), ...aged(hours, { topic: 'a' }), ...aged(hours, { topic: 'a', partition: 0 })]
    expect(planCleanup(infos, DEFAULT_POLICY, NOW)).toEqual([])
  })

  test('leaves pinned ones alone and does not count them', () => {
    const infos = [...aged([0, 900], { pinned: true }), ...aged([1, 2, 3, 4, 5])]
    expect(planCleanup(infos, DEFAULT_POLICY, NOW)).toEqual([])
    const lone = [...aged([0], { pinned: true }), ...aged([800, 900])]
    expect(idsOf(planCleanup(lone, DEFAULT_POLICY, NOW))).toEqual([lone[2]?.id])
  })

  test('takes a snapshot from the future for a young one', () => {
    expect(planCleanup(aged([-900, 1, 2]), { ...DEFAULT_POLICY, maxSnapshots: 3 }, NOW)).toEqual([])
  })

  test('lets a new snapshot stay beside many from the future, which a clock that was ahead leaves', () => {
    const ahead = aged([-8_760, -8_761, -8_762])
    expect(planCleanup([...ahead, ...aged([0])], { ...DEFAULT_POLICY, maxSnapshots: 1 }, NOW)).toEqual([])
    const [, older] = aged([0, 1])
    const gone = planCleanup([...ahead, ...aged([0, 1])], { ...DEFAULT_POLICY, maxSnapshots: 1 }, NOW)
    expect(idsOf(gone)).toEqual([older?.id])
  })

  test('takes the one with the higher id for the newer one when two have the same timestamp', () => {
    const [a, b] = [rowOf(NOW), { ...rowOf(NOW), id: `snapshot-${NOW + 1}` }]
    expect(newestFirst([a, b]).map(({ id }) => id)).toEqual([b.id, a.id])
    expect(idsOf(planCleanup([a, b], { ...DEFAULT_POLICY, maxSnapshots: 1 }, NOW))).toEqual([a.id])
  })

  test('does what its rules say, one by one, for any snapshots', () => {
    const seed = 20_261_122
    console.info(`seed ${seed}`)
    const row = fc.record({
      hour: fc.integer({ min: -5, max: 60 }),
      target: fc.constantFrom<SnapshotTarget>({}, { topic: 'a' }, { topic: 'a', partition: 0 }, { topic: 'b' }),
      pinned: fc.boolean(),
    })
    const policy = fc.record({
      maxSnapshots: fc.integer({ min: 1, max: 6 }),
      retentionTimeMs: fc.integer({ min: 1, max: 50 * HOUR }),
      minIntervalMs: fc.constant(0),
    })
    const plan = fc.property(fc.uniqueArray(row, { selector: ({ hour }) => hour }), policy, (rows, rules) => {
      const infos = rows.map(({ hour, target, pinned }) => rowOf(NOW - hour * HOUR, { ...target, pinned }))
      const gone = new Set(idsOf(planCleanup(infos, rules, NOW)))
      for (const info of infos) {
        const { topic, partition, timestamp } = info
        const counts = (peer: SnapshotInfo) => !peer.pinned && peer.timestamp <= NOW
        const peers = infos.filter((peer) => counts(peer) && peer.topic === topic && peer.partition === partition)
        const newer = peers.filter((peer) => peer.timestamp > timestamp).length
        const isOld = NOW - timestamp > rules.retentionTimeMs
        const goes = counts(info) && newer > 0 && (newer >= rules.maxSnapshots || isOld)
        expect(gone.has(info.id)).toBe(goes)
      }
      const order = idsOf(planCleanup(infos, rules, NOW)).map((id) => Number(id.split('-')[1]))
      expect(order).toEqual([...order].sort((a, b) => a - b))
      const kept = infos.filter(({ id }) => !gone.has(id))
      expect(planCleanup(kept, rules, NOW)).toEqual([])
    })
    fc.assert(plan, { seed, numRuns: 300 })
  })
})

test('newestOf() finds the newest one of a target that is not from the future', () => {
  const infos = [...aged([3, 1, 2]), ...aged([-1, 0], { topic: 'a' })]
  expect(newestOf(infos, {}, NOW)?.timestamp).toBe(NOW - HOUR)
  expect(newestOf(infos, { topic: 'a' }, NOW)?.timestamp).toBe(NOW)
  expect(newestOf(infos, { topic: 'b' }, NOW)).toBeUndefined()
})
