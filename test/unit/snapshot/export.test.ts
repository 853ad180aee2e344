/** Copies of snapshots to other places: what is sent, what is shared, and what a reader finds there.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import type { SnapshotProgress } from '../../../src/snapshot/types.ts'
import { limitedStorage } from '../../conformance/limited.ts'
import {
  bytesOf,
  contentOf,
  copy,
  failureOf,
  filesUnder,
  flipByte,
  fullAfter,
  Source,
  sourceOf,
} from './export-support.ts'

describe('copySnapshot', () => {
  test('sends everything to an empty place, which then reads as the snapshot does', async () => {
    const source = await sourceOf(30)
    await source.writeDocument('catalog', { name: 'first', items: [1, 2, 3] })
    await source.appendVersion('board', { shapes: [1] })
    const id = await source.snapshot()
    const to = new SnapshotCatalogue(memoryStorage())
    const report = await copy({ from: source.catalogue, to }, id)
    const files = await filesUnder(source.catalogue.storageOf(id))
    expect(report).toMatchObject({ snapshot: id, filesSent: files.size - 1, filesShared: 0, bytesShared: 0 })
    expect(report.bytesSent).toBe(bytesOf(files))
    expect(await filesUnder(to.storageOf(id))).toEqual(files)
    expect(await to.list()).toEqual(await source.catalogue.list())
    expect(await contentOf(to.storageOf(id))).toBe(await contentOf(source.catalogue.storageOf(id)))
  })

  test('sends what is new when an earlier snapshot is there, and links the rest', async () => {
    const source = await sourceOf(200)
    const to = new SnapshotCatalogue(memoryStorage())
    const first = await source.snapshot()
    await copy({ from: source.catalogue, to }, first)
    const before = await filesUnder(source.catalogue.storageOf(first))
    await source.grow(20)
    const second = await source.snapshot()
    const report = await copy({ from: source.catalogue, to }, second)
    const after = await filesUnder(source.catalogue.storageOf(second))
    const growth = bytesOf(new Map([...after].filter(([path, size]) => before.get(path) !== size)))
    expect(report.bytesSent).toBeLessThanOrEqual(growth * 1.1)
    expect(report.filesShared).toBeGreaterThan(10)
    expect(await to.storageOf(second).linkCount('topics/orders/0/00000000000000000000.log')).toBe(2)
    expect(await contentOf(to.storageOf(second))).toBe(await contentOf(source.catalogue.storageOf(second)))
  })

  test('sends nothing when the snapshot is there already', async () => {
    const source = await sourceOf(5)
    const id = await source.snapshot()
    const to = new SnapshotCatalogue(memoryStorage())
    const { filesSent } = await copy({ from: source.catalogue, to }, id)
    expect(await copy({ from: source.catalogue, to }, id)).toMatchObject({
      filesSent: 0,
      bytesSent: 0,
      filesShared: filesSent,
    })
  })

  test('refuses when another snapshot has its id there', async () => {
    const [source, other] = [await sourceOf(5), await sourceOf(6)]
    const id = await source.snapshot()
    expect(await other.snapshot()).toBe(id)
    const before = await filesUnder(other.storage)
    const error = await failureOf(copy({ from: source.catalogue, to: other.catalogue }, id))
    expect(error).toMatchObject({ code: 'FILE_EXISTS', details: { snapshot: id } })
    expect(await filesUnder(other.storage)).toEqual(before)
  })

  test('refuses what is no snapshot', async () => {
    const source = await sourceOf(1)
    const to = new SnapshotCatalogue(memoryStorage())
    for (const id of ['snapshot-1', '../orders', ''])
      expect(await failureOf(copy({ from: source.catalogue, to }, id))).toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
  })

  test('copies a snapshot of nothing', async () => {
    const source = new Source(memoryStorage())
    await source.writeDocument('catalog', 1)
    await source.deleteDocument('catalog')
    const id = await source.snapshot()
    const to = new SnapshotCatalogue(memoryStorage())
    expect(await copy({ from: source.catalogue, to }, id)).toMatchObject({ filesSent: 0, filesShared: 0 })
    expect(await to.list()).toEqual(await source.catalogue.list())
  })

  test('keeps a snapshot pinned', async () => {
    const source = await sourceOf(1)
    const id = await source.snapshot()
    await source.catalogue.pin(id, true)
    const to = new SnapshotCatalogue(memoryStorage())
    await copy({ from: source.catalogue, to }, id)
    expect(await to.info(id)).toMatchObject({ pinned: true })
  })

  test('brings a snapshot back to a store that lost it, and sends only what is missing', async () => {
    const source = await sourceOf(30)
    const [first, place] = [await source.snapshot(), new SnapshotCatalogue(memoryStorage())]
    await source.grow(2)
    const second = await source.snapshot()
    for (const id of [first, second]) await copy({ from: source.catalogue, to: place }, id)
    const content = await contentOf(source.catalogue.storageOf(first))
    await source.catalogue.remove(first)
    const report = await copy({ from: place, to: source.catalogue }, first)
    expect(report.bytesSent).toBeLessThan(report.bytesShared)
    expect(await contentOf(source.catalogue.storageOf(first))).toBe(content)
    expect((await source.catalogue.list()).map(({ id }) => id)).toEqual([second, first])
  })

  test('shares no bytes with the place it comes from', async () => {
    const disk = memoryStorage()
    const source = new Source(disk)
    await source.createTopic()
    await source.grow(10)
    const id = await source.snapshot()
    const to = new SnapshotCatalogue(memoryStorage())
    await copy({ from: source.catalogue, to }, id)
    const at = to.storageOf(id)
    for (const path of (await filesUnder(at)).keys()) expect(await at.linkCount(path)).toBe(1)
  })

  test('reports each step, and bytes that only grow', async () => {
    const source = await sourceOf(30)
    const id = await source.snapshot()
    const seen: SnapshotProgress[] = []
    const to = new SnapshotCatalogue(memoryStorage())
    const report = await copy({ from: source.catalogue, to }, id, { onProgress: (progress) => seen.push(progress) })
    const steps = seen.map(({ step }) => step).filter((step, at, all) => step !== all[at - 1])
    expect(steps).toEqual(['prepare', 'files', 'verify', 'publish'])
    const sent = seen.filter(({ step }) => step === 'files')
    expect(sent.map(({ doneBytes }) => doneBytes)).toEqual(sent.map(({ doneBytes }) => doneBytes).sort((a, b) => a - b))
    expect(sent.at(-1)).toMatchObject({ doneBytes: report.bytesSent, totalBytes: report.bytesSent })
    expect(sent.filter(({ file }) => file.endsWith('.part'))).toEqual([])
  })

  for (const keep of [{}, { atomicReplace: true }, { hardLinks: true, exclusiveCreate: true }])
    test(`works where the storage can only ${JSON.stringify(keep)}`, async () => {
      const source = await sourceOf(30)
      const to = new SnapshotCatalogue(limitedStorage(memoryStorage(), keep))
      const first = await source.snapshot()
      await copy({ from: source.catalogue, to }, first)
      await source.grow(3)
      const second = await source.snapshot()
      const report = await copy({ from: source.catalogue, to }, second)
      expect(report.filesShared > 0).toBe('hardLinks' in keep)
      for (const id of [first, second])
        expect(await contentOf(to.storageOf(id))).toBe(await contentOf(source.catalogue.storageOf(id)))
    })
})

describe('copySnapshot, of files that have grown,', () => {
  /** Copied once, grown in an active segment and in a group of versions. */
  async function grown() {
    const source = new Source(memoryStorage())
    await source.createTopic(1024 * 1024)
    await source.grow(10)
    await source.appendVersion('board', { shapes: [1] })
    const place = memoryStorage()
    const to = new SnapshotCatalogue(place)
    const first = await source.snapshot()
    await copy({ from: source.catalogue, to }, first)
    await source.grow(1)
    await source.appendVersion('board', { shapes: [1, 2] })
    const second = await source.snapshot()
    return { source, to, place, first, second }
  }

  test('sends only the rest, and leaves the earlier one as it was', async () => {
    const { source, to, first, second } = await grown()
    const before = await filesUnder(to.storageOf(first))
    const report = await copy({ from: source.catalogue, to }, second)
    const after = await filesUnder(to.storageOf(second))
    expect(report.bytesSent).toBe(bytesOf(after) - bytesOf(before))
    expect(await filesUnder(to.storageOf(first))).toEqual(before)
    expect(await filesUnder(to.storageOf(second))).toEqual(await filesUnder(source.catalogue.storageOf(second)))
    for (const id of [first, second])
      expect(await contentOf(to.storageOf(id))).toBe(await contentOf(source.catalogue.storageOf(id)))
  })

  test('sends them whole when what is there is damaged', async () => {
    const { source, to, first, second } = await grown()
    const file = 'topics/orders/0/00000000000000000000.log'
    await flipByte(to.storageOf(first), file, 1000)
    const report = await copy({ from: source.catalogue, to }, second)
    expect(report.bytesSent).toBeGreaterThan((await filesUnder(to.storageOf(second))).get(file) ?? 0)
    expect(await contentOf(to.storageOf(second))).toBe(await contentOf(source.catalogue.storageOf(second)))
  })

  test('leaves nothing of them on a full disk', async () => {
    const { source, place, second } = await grown()
    const before = await filesUnder(place)
    for (const room of [0, 100, 2000, 3000, 4000]) {
      const full = new SnapshotCatalogue(fullAfter(place, room))
      expect(await failureOf(copy({ from: source.catalogue, to: full }, second))).toMatchObject({
        code: 'STORAGE_FULL',
      })
      expect(await filesUnder(place)).toEqual(before)
    }
  })
})

describe('copySnapshot, with merged term runs,', () => {
  const merged = 'topics/orders/0/terms-1-00000000000000000000'

  /** Copies before and after the first eight segments were merged, where most of them had been copied before. */
  async function copiedAround(segments: number) {
    const source = new Source(memoryStorage())
    await source.createTopic()
    const to = new SnapshotCatalogue(memoryStorage())
    do await source.grow(1)
    while ((await source.sealed()) < segments)
    const first = await source.snapshot()
    await copy({ from: source.catalogue, to }, first)
    while ((await source.sealed()) < 9) await source.grow(1)
    const second = await source.snapshot()
    const report = await copy({ from: source.catalogue, to }, second)
    return { source, to, first, second, report, at: to.storageOf(second) }
  }

  test('leaves a run out that is mostly about what is there, and links those that it was merged from', async () => {
    const { source, to, first, second, report, at } = await copiedAround(7)
    expect((await filesUnder(source.catalogue.storageOf(second))).has(merged)).toBe(true)
    const files = await filesUnder(at)
    expect(files.has(merged)).toBe(false)
    expect([...files.keys()].filter((path) => path.endsWith('.terms'))).toHaveLength(8)
    // Of the file that was appended to, only the rest.
    const before = await filesUnder(to.storageOf(first))
    const fresh = [...files].filter(([path, size]) => before.get(path) !== size)
    expect(report.bytesSent).toBe(bytesOf(new Map(fresh.map(([path, size]) => [path, size - (before.get(path) ?? 0)]))))
    expect(await contentOf(at)).toBe(await contentOf(source.catalogue.storageOf(second)))
    await copy({ from: to, to: source.catalogue }, second)
  })

  test('sends a run that is about what is new', async () => {
    const { at } = await copiedAround(0)
    expect((await filesUnder(at)).has(merged)).toBe(true)
  })
})
