/** Regular snapshots: when each run is, whatever the runs, the clock and the machine do.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isVarveError, VarveError } from '../../../src/errors.ts'
import type { Random } from '../../../src/ports/random.ts'
import { SnapshotSchedule, type SnapshotScheduleParts } from '../../../src/snapshot/policy/schedule.ts'
import type { SnapshotScheduleOptions } from '../../../src/snapshot/types.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const EVERY_HOUR = { everyMs: HOUR, jitterMs: 0 }

/** Random bytes that are all the same. */
function constantly(byte: number): Random {
  return { bytes: (length) => new Uint8Array(length).fill(byte) }
}

interface Harness {
  readonly clock: ManualClock
  readonly schedule: SnapshotSchedule
  /** Wall time at which each run began. */
  readonly began: number[]
}

/** A schedule of which the clock moves by hand. `create` and `cleanUp` may fail. */
async function started(
  options: SnapshotScheduleOptions = EVERY_HOUR,
  facts: Partial<SnapshotScheduleParts> & { clock?: ManualClock } = {},
): Promise<Harness> {
  const { clock = new ManualClock(), create, ...rest } = facts
  const began: number[] = []
  const schedule = new SnapshotSchedule(options, {
    clock,
    random: constantly(0),
    cleanUp: async () => [],
    last: async () => undefined,
    ...rest,
    create: async (target) => {
      began.push(clock.now())
      return create?.(target) ?? `snapshot-${clock.now()}`
    },
  })
  await settle()
  return { clock, schedule, began }
}

describe('SnapshotSchedule', () => {
  test('runs at once when there is no snapshot, then every time that everyMs are over', async () => {
    const { clock, schedule, began } = await started()
    const start = clock.now()
    expect(schedule.status).toEqual({
      everyMs: HOUR,
      jitterMs: 0,
      isRunning: false,
      nextRunAt: start,
      runs: [],
      failures: 0,
    })
    await clock.advance(0)
    expect(schedule.status.nextRunAt).toBe(start + HOUR)
    await clock.advance(HOUR - 1)
    expect(began).toEqual([start])
    await clock.advance(2 * HOUR + 1)
    expect(began).toEqual([start, start + HOUR, start + 2 * HOUR, start + 3 * HOUR])
    expect(schedule.status.runs[0]).toEqual({
      at: start + 3 * HOUR,
      snapshot: `snapshot-${start + 3 * HOUR}`,
      removed: [],
    })
    await schedule.stop()
  })

  test('hands on the target and the label, and says the target', async () => {
    const targets: unknown[] = []
    const create = async (target: unknown) => `snapshot-${targets.push(target)}`
    const options = { ...EVERY_HOUR, topic: 'orders', partition: 0, label: 'hourly' }
    const { clock, schedule } = await started(options, { create, cleanUp: async () => ['snapshot-0'] })
    await clock.advance(0)
    expect(targets).toEqual([{ topic: 'orders', partition: 0, label: 'hourly' }])
    expect(schedule.status).toMatchObject({ topic: 'orders', partition: 0 })
    expect(schedule.status.runs[0]).toMatchObject({ snapshot: 'snapshot-1', removed: ['snapshot-0'] })
    await schedule.stop()
  })

  test('waits for everyMs after a snapshot that was there before, and not for one that is older', async () => {
    const clock = new ManualClock()
    const start = clock.now()
    const young = await started(EVERY_HOUR, { clock, last: async () => start - 10 * MINUTE })
    expect(young.schedule.status.nextRunAt).toBe(start + 50 * MINUTE)
    const old = await started(EVERY_HOUR, { clock, last: async () => start - 3 * HOUR })
    expect(old.schedule.status.nextRunAt).toBe(start)
    await clock.advance(50 * MINUTE)
    expect(young.began).toEqual([start + 50 * MINUTE])
    expect(old.began).toEqual([start])
    await Promise.all([young.schedule.stop(), old.schedule.stop()])
  })

  test('runs at once when the snapshots that are there cannot be listed', async () => {
    const { clock, schedule, began } = await started(EVERY_HOUR, { last: () => Promise.reject(new Error('no')) })
    await clock.advance(0)
    expect(began).toHaveLength(1)
    await schedule.stop()
  })

  test('begins each run up to jitterMs later', async () => {
    const options = { everyMs: HOUR, jitterMs: 10 * MINUTE }
    const { clock, schedule, began } = await started(options, { random: constantly(255) })
    const start = clock.now()
    await clock.advance(10 * MINUTE + 70 * MINUTE)
    expect(began).toEqual([start + 10 * MINUTE, start + 80 * MINUTE])
    await schedule.stop()
    const byDefault = await started({ everyMs: HOUR })
    expect(byDefault.schedule.status.jitterMs).toBe(6 * MINUTE)
    await byDefault.schedule.stop()
  })

  test('draws runs of many stores apart, all within jitterMs', async () => {
    const options = { everyMs: HOUR, jitterMs: HOUR }
    const at = new Set<number>()
    for (let seed = 0; seed < 50; seed++) {
      const { clock, schedule } = await started(options, { random: seededRandom(seed) })
      const { nextRunAt } = schedule.status
      expect(nextRunAt).toBeGreaterThanOrEqual(clock.now())
      expect(nextRunAt).toBeLessThanOrEqual(clock.now() + HOUR)
      at.add(Math.floor((nextRunAt - clock.now()) / (6 * MINUTE)))
      await schedule.stop()
    }
    expect(at.size).toBe(10)
  })

  test('shows what went wrong, cleans up all the same, and tries again everyMs later', async () => {
    let isFull = true
    let cleanups = 0
    const create = async () => {
      if (isFull) throw new VarveError('STORAGE_FULL', 'Cannot write: the disk is full')
      return 'snapshot-7'
    }
    const cleanUp = async () => [`snapshot-${++cleanups}`]
    const { clock, schedule } = await started(EVERY_HOUR, { create, cleanUp })
    const start = clock.now()
    await clock.advance(HOUR)
    const error = { code: 'STORAGE_FULL', message: 'Cannot write: the disk is full' }
    expect(schedule.status.failures).toBe(2)
    expect(schedule.status.nextRunAt).toBe(start + 2 * HOUR)
    expect(schedule.status.runs).toEqual([
      { at: start + HOUR, removed: ['snapshot-2'], error },
      { at: start, removed: ['snapshot-1'], error },
    ])
    isFull = false
    await clock.advance(HOUR)
    expect(schedule.status.failures).toBe(0)
    expect(schedule.status.runs.map((run) => run.snapshot)).toEqual(['snapshot-7', undefined, undefined])
    await schedule.stop()
  })

  test('shows a snapshot that was made when the clean-up after it fails', async () => {
    const cleanUp = () => Promise.reject(new TypeError('broken'))
    const { clock, schedule } = await started(EVERY_HOUR, { create: async () => 'snapshot-7', cleanUp })
    await clock.advance(0)
    const { runs, failures } = schedule.status
    expect(runs[0]).toMatchObject({ snapshot: 'snapshot-7', error: { code: 'INTERNAL', message: 'TypeError: broken' } })
    expect(failures).toBe(1)
    await schedule.stop()
  })

  test('keeps the last 20 runs', async () => {
    const { clock, schedule } = await started()
    const start = clock.now()
    await clock.advance(30 * HOUR)
    const { runs } = schedule.status
    expect(runs).toHaveLength(20)
    expect(runs.map(({ at }) => at)).toEqual(Array.from({ length: 20 }, (_, at) => start + (30 - at) * HOUR))
    await schedule.stop()
  })

  test('waits until the next one is allowed when it is too soon, and counts no failure', async () => {
    const clock = new ManualClock()
    const allowedAt = clock.now() + 25 * MINUTE
    const create = async () => {
      if (clock.now() >= allowedAt) return 'snapshot-7'
      throw new VarveError('SNAPSHOT_TOO_SOON', 'Cannot', { details: { nextAllowedAt: allowedAt } })
    }
    const { schedule, began } = await started(EVERY_HOUR, { clock, create })
    await clock.advance(0)
    expect(schedule.status).toMatchObject({ nextRunAt: allowedAt, failures: 0 })
    expect(schedule.status.runs[0]?.error?.code).toBe('SNAPSHOT_TOO_SOON')
    await clock.advance(25 * MINUTE)
    expect(began.at(-1)).toBe(allowedAt)
    expect(schedule.status.nextRunAt).toBe(allowedAt + HOUR)
    await schedule.stop()
  })

  test('does not run without a pause when it is too soon until a moment that is over', async () => {
    const create = () =>
      Promise.reject(new VarveError('SNAPSHOT_TOO_SOON', 'Cannot', { details: { nextAllowedAt: 5 } }))
    const { clock, schedule, began } = await started(EVERY_HOUR, { create })
    await clock.advance(10_000)
    expect(began).toHaveLength(11)
    await schedule.stop()
  })

  test('makes one run of all that a machine slept through', async () => {
    const { clock, schedule, began } = await started()
    await clock.advance(0)
    clock.setWall(clock.now() + 72 * HOUR)
    await clock.advance(MINUTE)
    expect(began).toHaveLength(2)
    expect(schedule.status.nextRunAt - clock.now()).toBeLessThanOrEqual(HOUR)
    await clock.advance(HOUR)
    expect(began).toHaveLength(3)
    await schedule.stop()
  })

  test('goes on after a clock went back by years', async () => {
    const { clock, schedule, began } = await started()
    await clock.advance(10 * MINUTE)
    clock.setWall(clock.now() - 10_000 * HOUR)
    await clock.advance(HOUR)
    expect(began).toHaveLength(2)
    await clock.advance(HOUR)
    expect(began).toHaveLength(3)
    await schedule.stop()
  })

  test('says that it is running, and begins no second run meanwhile', async () => {
    let end = (_: string) => {}
    const create = () =>
      new Promise<string>((resolve) => {
        end = resolve
      })
    const { clock, schedule, began } = await started(EVERY_HOUR, { create })
    await clock.advance(0)
    const start = clock.now()
    expect(schedule.status).toMatchObject({ isRunning: true, nextRunAt: start + HOUR, runs: [] })
    await clock.advance(150 * MINUTE)
    expect(began).toHaveLength(1)
    end('snapshot-1')
    await settle()
    expect(schedule.status).toMatchObject({ isRunning: false })
    await clock.advance(0)
    expect(began).toHaveLength(2)
    end('snapshot-2')
    await schedule.stop()
  })

  test('stop() waits for a run, begins no further one, and leaves no timer behind', async () => {
    let end = (_: string) => {}
    const create = () =>
      new Promise<string>((resolve) => {
        end = resolve
      })
    const { clock, schedule, began } = await started(EVERY_HOUR, { create })
    await clock.advance(0)
    let isStopped = false
    const stopped = schedule.stop().then(() => {
      isStopped = true
    })
    await settle()
    expect(isStopped).toBe(false)
    end('snapshot-1')
    await stopped
    expect(schedule.status.runs).toHaveLength(1)
    expect(clock.waiting).toBe(0)
    await clock.advance(5 * HOUR)
    expect(began).toHaveLength(1)
    await schedule.stop()
  })

  test('stop() before the first run leaves no timer behind', async () => {
    const clock = new ManualClock()
    const options = { clock, random: constantly(0), cleanUp: async () => [], last: async () => undefined }
    const schedule = new SnapshotSchedule(EVERY_HOUR, { ...options, create: async () => 'snapshot-1' })
    await schedule.stop()
    expect(clock.waiting).toBe(0)
  })

  test.each([
    [{ everyMs: MINUTE - 1 }, 'everyMs'],
    [{ everyMs: 367 * 24 * HOUR }, 'everyMs'],
    [{ everyMs: '6h' }, 'everyMs'],
    [{}, 'everyMs'],
    [{ everyMs: HOUR, jitterMs: -1 }, 'jitterMs'],
    [{ everyMs: HOUR, jitterMs: HOUR + 1 }, 'jitterMs'],
    [{ everyMs: HOUR, partition: 1 }, 'partition'],
    [{ everyMs: HOUR, topic: 'orders', partition: -1 }, 'partition'],
    [{ everyMs: HOUR, topic: 5 }, 'topic'],
    [{ everyMs: HOUR, label: '' }, 'label'],
  ])('refuses %j', async (options, option) => {
    const refused = await started(options as unknown as SnapshotScheduleOptions).catch((error: unknown) => error)
    expect(isVarveError(refused, 'OPTION_INVALID') && refused.details.option).toBe(option)
  })

  /** Goal: the next run is never further away than it can be, and whatever happens there is one within that time.
   * Method: runs that fail in any way, clocks that jump in any direction, time that passes in any steps. */
  test('always has a next run, whatever runs and clocks do', async () => {
    const seed = 20_261_124
    console.info(`seed ${seed}`)
    const outcome = fc.constantFrom<'made' | 'failed' | 'soon'>('made', 'failed', 'soon')
    const step = fc.record({ ms: fc.nat(2 * HOUR), jump: fc.constantFrom(0, 0, 0, -50 * HOUR, 50 * HOUR), outcome })
    const plan = fc.asyncProperty(fc.array(step, { maxLength: 15 }), fc.nat(), async (steps, randomSeed) => {
      const clock = new ManualClock()
      let next: 'made' | 'failed' | 'soon' = 'made'
      const create = async () => {
        if (next === 'made') return 'snapshot-1'
        const details = { nextAllowedAt: clock.now() + HOUR }
        throw new VarveError(next === 'soon' ? 'SNAPSHOT_TOO_SOON' : 'STORAGE_FULL', 'Cannot', { details })
      }
      const options = { everyMs: HOUR, jitterMs: 10 * MINUTE }
      const { schedule, began } = await started(options, { clock, create, random: seededRandom(randomSeed) })
      for (const { ms, jump, outcome } of steps) {
        next = outcome
        clock.setWall(clock.now() + jump)
        await clock.advance(ms)
        await clock.advance(MINUTE)
        expect(schedule.status.nextRunAt - clock.now()).toBeLessThanOrEqual(70 * MINUTE)
        const before = began.length
        await clock.advance(71 * MINUTE)
        expect(began.length).toBeGreaterThan(before)
        expect(began.length).toBeLessThanOrEqual(before + 3)
      }
      await schedule.stop()
      expect(clock.waiting).toBe(0)
    })
    await fc.assert(plan, { seed, numRuns: 40 })
  })
})
