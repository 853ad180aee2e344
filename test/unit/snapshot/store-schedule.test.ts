/** Regular snapshots and turns in an open store.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import type { SnapshotPolicy } from '../../../src/snapshot/types.ts'
import { stalledStorage } from '../../faults/stalled-storage.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { mustSettle } from '../../support/settle.ts'

const HOUR = 60 * 60_000

async function opened(storage: Storage = memoryStorage(), snapshotPolicy: Partial<SnapshotPolicy> = {}) {
  const clock = new ManualClock()
  const store = await openStore({ storage, clock, random: seededRandom(1), snapshotPolicy })
  const orders = await store.topics.open('orders', { create: {} })
  await orders.append({ kind: 'Placed', entity: 'customer-1', data: 1 })
  /** Time passes until so many runs are over. */
  const runs = async (count: number) => {
    const isDone = async () => {
      while ((store.snapshots.scheduled?.runs.length ?? 0) < count || store.snapshots.scheduled?.isRunning)
        await new Promise((resolve) => setImmediate(resolve))
    }
    await mustSettle(isDone(), () => clock.advance(HOUR / 2))
    return store.snapshots.scheduled?.runs ?? []
  }
  return { storage, clock, store, runs }
}

describe('Snapshots.schedule()', () => {
  test('makes snapshots of the target with the label, and cleans up after each', async () => {
    const { store, runs } = await opened(memoryStorage(), { maxSnapshots: 2 })
    expect(store.snapshots.scheduled).toBeUndefined()
    store.snapshots.schedule({ everyMs: 2 * HOUR, topic: 'orders', label: 'regular' })
    const [, second, first] = await runs(3)
    const list = await store.snapshots.list()
    expect(list.map(({ id }) => id)).toEqual((await runs(3)).slice(0, 2).map((run) => run.snapshot))
    expect(list[0]).toMatchObject({ topic: 'orders', label: 'regular', pinned: false })
    expect((await runs(3))[0]?.removed).toEqual([first?.snapshot])
    expect(second?.removed).toEqual([])
    await store.close()
  })

  test('goes on where the last process left off', async () => {
    const { clock, store } = await opened()
    await store.snapshots.create()
    await clock.advance(HOUR)
    store.snapshots.schedule({ everyMs: 6 * HOUR, jitterMs: 0 })
    await mustSettle(store.snapshots.list())
    expect(store.snapshots.scheduled?.nextRunAt).toBe(clock.now() + 5 * HOUR)
    store.snapshots.schedule({ everyMs: 6 * HOUR, jitterMs: 0, topic: 'orders' })
    await mustSettle(store.snapshots.list())
    expect(store.snapshots.scheduled?.nextRunAt).toBe(clock.now())
    await store.close()
  })

  test('shows what went wrong, and ends with undefined', async () => {
    const { store, runs } = await opened()
    store.snapshots.schedule({ everyMs: HOUR, topic: 'nothing' })
    const [run] = await runs(1)
    expect(run?.error?.code).toBe('TOPIC_UNKNOWN')
    expect(store.snapshots.scheduled?.failures).toBe(1)
    store.snapshots.schedule(undefined)
    expect(store.snapshots.scheduled).toBeUndefined()
    expect(await store.snapshots.list()).toEqual([])
    await store.close()
  })

  test('keeps the schedule that is there when another one is refused', async () => {
    const { store } = await opened()
    store.snapshots.schedule({ everyMs: HOUR })
    expect(() => store.snapshots.schedule({ everyMs: 1 })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(store.snapshots.scheduled?.everyMs).toBe(HOUR)
    await store.close()
  })

  test('does not run any more when the store is closed', async () => {
    const { clock, store, runs } = await opened()
    store.snapshots.schedule({ everyMs: HOUR, jitterMs: 0 })
    await runs(1)
    await store.close()
    await clock.advance(10 * HOUR)
    expect(store.snapshots.scheduled?.runs).toHaveLength(1)
    expect(clock.waiting).toBe(0)
  })
})

describe('Snapshots', () => {
  test('close() ends the wait for a turn, and what has the turn', async () => {
    const slow = stalledStorage(memoryStorage(), (method, path) => method === 'link' && path.startsWith('topics/'))
    const { store } = await opened(slow.storage)
    await store.documents.write('catalog', { pen: 1 })
    const orders = await store.topics.open('orders')
    for (let batch = 0; batch < 3; batch++)
      await orders.append({ kind: 'Placed', entity: 'customer-1', data: 'x'.repeat(900_000) })
    slow.arm()
    const first = store.snapshots.create().catch((error: unknown) => error)
    await slow.reached
    const second = store.snapshots.create().catch((error: unknown) => error)
    const closed = store.close()
    slow.release()
    await mustSettle(closed)
    expect(await second).toMatchObject({ code: 'STORE_CLOSED' })
    expect(await first).toMatchObject({ code: 'STORE_CLOSED' })
    expect(await slow.storage.list('.snapshots')).toEqual([])
  })

  test('one of two creates at the same time is too soon, and does not wait with minIntervalMs 0', async () => {
    const { store } = await opened()
    const both = [store.snapshots.create(), store.snapshots.create()]
    const [first, second] = await Promise.allSettled(both)
    expect(first?.status).toBe('fulfilled')
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'SNAPSHOT_TOO_SOON' } })
    const more = [store.snapshots.create({ minIntervalMs: 0 }), store.snapshots.create({ minIntervalMs: 0 })]
    expect(new Set((await Promise.all(more)).map(({ id }) => id)).size).toBe(2)
    await store.close()
  })

  test('delete() waits for a restore of the snapshot while another snapshot is made', async () => {
    const to = stalledStorage(memoryStorage(), (method) => method === 'createExclusive')
    const { store } = await opened()
    const { id } = await store.snapshots.create()
    to.arm()
    const restored = store.snapshots.restore(id, { to: to.storage })
    await to.reached
    await expect(store.snapshots.delete(id, { lockTimeoutMs: 0 })).rejects.toMatchObject({ code: 'SNAPSHOT_IN_USE' })
    const deleted = store.snapshots.delete(id)
    const other = await store.snapshots.create({ minIntervalMs: 0, lockTimeoutMs: 0 })
    const report = await store.snapshots.cleanup({ policy: { maxSnapshots: 1 }, lockTimeoutMs: 0 })
    expect(report.kept).toEqual([other.id, id])
    to.release()
    expect((await restored).topics).toHaveLength(1)
    await deleted
    expect((await store.snapshots.list()).map((one) => one.id)).toEqual([other.id])
    await expect(store.snapshots.delete(id)).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
    await store.close()
  })
})
