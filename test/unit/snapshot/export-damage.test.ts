/** Copies of snapshots that are damaged, interrupted, or do not fit.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import {
  bytesOf,
  contentOf,
  copy,
  failureOf,
  filesUnder,
  flipByte,
  fullAfter,
  sourceOf,
  wrapped,
} from './export-support.ts'

describe('copySnapshot, when something is wrong,', () => {
  test('names damage in the source and publishes nothing', async () => {
    const source = await sourceOf(30)
    await source.writeDocument('catalog', { name: 'first', items: [1, 2, 3] })
    await source.appendVersion('board', { shapes: [1] })
    const id = await source.snapshot()
    const at = source.catalogue.storageOf(id)
    const isTruth = (path: string) => /\.(log|vdoc|vgrp)$/.test(path)
    const truth = [...(await filesUnder(at))].filter(([path]) => isTruth(path))
    expect(truth.length).toBeGreaterThan(4)
    for (const [file, sizeBytes] of truth) {
      for (const position of [0, sizeBytes >> 1, sizeBytes - 1]) {
        await flipByte(at, file, position)
        const to = new SnapshotCatalogue(memoryStorage())
        const error = await failureOf(copy({ from: source.catalogue, to }, id))
        expect(error).toMatchObject({ code: 'SNAPSHOT_DAMAGED', details: { snapshot: id, file } })
        expect(await to.list()).toEqual([])
        await flipByte(at, file, position)
      }
    }
    const to = new SnapshotCatalogue(memoryStorage())
    await copy({ from: source.catalogue, to }, id)
  })

  test('names a file that is missing or too short before it writes anything', async () => {
    const source = await sourceOf(30)
    const id = await source.snapshot()
    const at = source.catalogue.storageOf(id)
    const file = 'topics/orders/0/00000000000000000000.log'
    const handle = await at.openAppend(file)
    await handle.truncate(handle.sizeBytes - 1)
    await handle.close()
    const place = memoryStorage()
    const to = new SnapshotCatalogue(place)
    const short = await failureOf(copy({ from: source.catalogue, to }, id))
    expect(short).toMatchObject({ code: 'SNAPSHOT_DAMAGED', details: { snapshot: id, file } })
    await at.remove(file)
    const missing = await failureOf(copy({ from: source.catalogue, to }, id))
    expect(missing).toMatchObject({ code: 'SNAPSHOT_DAMAGED', details: { file, reason: 'it is missing' } })
    expect(await filesUnder(place)).toEqual(new Map())
  })

  test('goes on after an interruption with the files that are whole', async () => {
    const source = await sourceOf(100)
    const id = await source.snapshot()
    const place = memoryStorage()
    const stop = new AbortController()
    let renamed = 0
    const stopping = wrapped(place, {
      replace: async (from, to) => {
        if (++renamed === 10) stop.abort(new Error('stop'))
        await place.replace(from, to)
      },
    })
    const work = copy({ from: source.catalogue, to: new SnapshotCatalogue(stopping) }, id, { signal: stop.signal })
    await expect(work).rejects.toThrow('stop')
    const to = new SnapshotCatalogue(place)
    expect(await to.list()).toEqual([])
    const report = await copy({ from: source.catalogue, to }, id)
    expect(report.filesShared).toBeGreaterThanOrEqual(10)
    expect(report.bytesShared + report.bytesSent).toBe(bytesOf(await filesUnder(source.catalogue.storageOf(id))))
    expect(await filesUnder(to.storageOf(id))).toEqual(await filesUnder(source.catalogue.storageOf(id)))
  })

  test('sends again what an interrupted copy left damaged or cut short, and what it left over goes', async () => {
    const source = await sourceOf(100)
    const id = await source.snapshot()
    const place = memoryStorage()
    let renamed = 0
    const failing = wrapped(place, {
      replace: async (from, to) => {
        if (++renamed === 60) throw new Error('gone')
        await place.replace(from, to)
      },
    })
    await expect(copy({ from: source.catalogue, to: new SnapshotCatalogue(failing) }, id)).rejects.toThrow('gone')
    const to = new SnapshotCatalogue(place)
    const at = to.storageOf(id)
    const paths = [...(await filesUnder(at)).keys()]
    const [damaged = '', cut = ''] = paths.filter((path) => path.endsWith('.log'))
    await flipByte(at, damaged, 1000)
    for (const path of [cut, paths.find((name) => name.endsWith('.timeindex')) ?? '']) {
      const handle = await at.openAppend(path)
      await handle.truncate(7)
      await handle.close()
    }
    await (await at.createExclusive(`${cut}.0123456789.part`)).close()
    await copy({ from: source.catalogue, to }, id)
    expect(await filesUnder(at)).toEqual(await filesUnder(source.catalogue.storageOf(id)))
    expect(await contentOf(at)).toBe(await contentOf(source.catalogue.storageOf(id)))
  })

  test('refuses what does not fit before it sends anything', async () => {
    const source = await sourceOf(30)
    const id = await source.snapshot()
    const place = memoryStorage()
    const full = wrapped(place, { freeBytes: async () => 100 })
    const error = await failureOf(copy({ from: source.catalogue, to: new SnapshotCatalogue(full) }, id))
    const neededBytes = bytesOf(await filesUnder(source.catalogue.storageOf(id)))
    expect(error).toMatchObject({ code: 'STORAGE_FULL', details: { neededBytes, freeBytes: 100 } })
    expect(await filesUnder(place)).toEqual(new Map())
  })

  test('leaves nothing on a disk that turns out to be full', async () => {
    const source = await sourceOf(40)
    const id = await source.snapshot()
    await source.catalogue.pin(id, true)
    const needed = bytesOf(await filesUnder(source.catalogue.storageOf(id)))
    const rooms = [0, 1, 5000, needed >> 1, needed - 1, needed, needed + 1, needed + 900]
    for (const room of rooms) {
      const place = memoryStorage()
      const error = await failureOf(
        copy({ from: source.catalogue, to: new SnapshotCatalogue(fullAfter(place, room)) }, id),
      )
      expect(error).toMatchObject({ code: 'STORAGE_FULL' })
      expect([room, ...(await filesUnder(place)).keys()]).toEqual([room])
      await copy({ from: source.catalogue, to: new SnapshotCatalogue(place) }, id)
    }
  })

  test('leaves on a full disk what an earlier copy brought', async () => {
    const source = await sourceOf(40)
    const first = await source.snapshot()
    const place = memoryStorage()
    await copy({ from: source.catalogue, to: new SnapshotCatalogue(place) }, first)
    await source.grow(20)
    const second = await source.snapshot()
    const before = await filesUnder(place)
    const error = await failureOf(
      copy({ from: source.catalogue, to: new SnapshotCatalogue(fullAfter(place, 9000)) }, second),
    )
    expect(error).toMatchObject({ code: 'STORAGE_FULL' })
    expect(await filesUnder(place)).toEqual(before)
  })
})
