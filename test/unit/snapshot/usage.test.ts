/** What each snapshot shares with the store, with others, and has alone.
 * @module */
import { describe, expect, test } from 'vitest'
import { readManifest } from '../../../src/manifest/index.ts'
import { usageOf } from '../../../src/snapshot/policy/usage.ts'
import { sizesIn, stillStore } from './still-host.ts'
import { rewrite, sharesOf, tearManifest, usageIn } from './usage-support.ts'

describe('usageOf()', () => {
  test('says what the store needs, what other snapshots have, and what is its own', async () => {
    const still = await stillStore()
    await rewrite(still, 50_000)
    const [first, second] = [await still.take(), await still.take()]
    const [, before] = await usageIn(still)
    expect(before?.id).toBe(first.id)
    expect(before?.sharedWithStoreBytes).toBeGreaterThan(50_000)
    expect(before?.sharedWithSnapshotsBytes).toBe(0)
    await rewrite(still, 10)
    const [newer, older] = await usageIn(still)
    expect(newer?.id).toBe(second.id)
    for (const usage of [newer, older]) {
      expect(usage?.sharedWithSnapshotsBytes).toBeGreaterThan(50_000)
      expect(usage && sharesOf(usage)).toBe(usage?.totalSizeBytes)
    }
    await still.catalogue.remove(first.id)
    const [last] = await usageIn(still)
    expect(last?.sharedWithSnapshotsBytes).toBe(0)
    expect(last?.ownBytes).toBeGreaterThan(50_000)
    expect((await still.catalogue.remove(second.id)).freedBytes).toBe(last?.ownBytes)
    expect(await usageIn(still)).toEqual([])
  })

  test('counts a segment that a fork needs a part of as needed by the store', async () => {
    const still = await stillStore()
    await still.take()
    const view = await readManifest(still.storage)
    if (view === undefined) throw new Error('There is no store')
    const [usage] = await usageOf(still.catalogue, view.state)
    const topics = view.state.topics.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((row) => ({
        ...row,
        segments: row.segments.map((segment) =>
          segment.sealed === undefined ? segment : { ...segment, sealed: { ...segment.sealed, endPosition: 200 } },
        ),
      })),
    }))
    expect((await usageOf(still.catalogue, { ...view.state, topics }))[0]).toEqual(usage)
    const [pruned] = await usageOf(still.catalogue, { ...view.state, topics: [] })
    expect(pruned?.sharedWithStoreBytes).toBeLessThan(usage?.sharedWithStoreBytes ?? 0)
  })

  test('counts what only a place elsewhere has in the total alone', async () => {
    const still = await stillStore()
    await rewrite(still, 50_000)
    const { id } = await still.take()
    const files = [...(await sizesIn(still.storage, `.snapshots/${id}/documents`)).keys()]
    await still.storage.link(files[0] ?? '', 'elsewhere/document')
    await rewrite(still, 10)
    const [usage] = await usageIn(still)
    expect(usage && usage.totalSizeBytes - sharesOf(usage)).toBeGreaterThan(50_000)
  })

  test('goes on past a damaged snapshot', async () => {
    const still = await stillStore()
    const [damaged, whole] = [await still.take(), await still.take()]
    await tearManifest(still, damaged.id)
    const usage = await usageIn(still)
    expect(usage.map(({ id }) => id)).toEqual([whole.id, damaged.id])
    expect(usage[0]?.sharedWithStoreBytes).toBeGreaterThan(0)
    expect((await still.catalogue.remove(damaged.id)).freedBytes).toBe(usage[1]?.ownBytes)
  })
})
