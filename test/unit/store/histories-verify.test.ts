/** What checks and salvages of a store say about its histories.
 * @module */
import { describe, expect, test } from 'vitest'
import { openStore, type Store, type VerifyReport, verifyStorage } from '../../../src/index.ts'
import { findHistory, readManifest } from '../../../src/manifest/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { imageStorage, type StoreImage } from '../../faults/image-storage.ts'
import { outcome } from '../topic/support.ts'
import { openAgain, openShelf, plant } from './documents-support.ts'
import { flipBit, imageOf, shapes, verifyImage, withFile } from './verify-support.ts'

const STRAY = `${'7'.repeat(16)}.vgrp`
/** Does not compress, so that each version has bytes of its own. */
const noise = (seed: number, length: number) => {
  let state = seed * 7919
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return String.fromCharCode(33 + ((state >>> 16) % 90))
  }
  return Array.from({ length }, next).join('')
}
const value = (version: number) => ({
  title: `version ${version}`,
  text: noise(1, 9_000),
  at: [version, noise(version, 40)],
})

/** A closed store with a history of ten versions in three groups, another with one, and an event. */
async function closedStore(): Promise<{ image: StoreImage; groups: string[] }> {
  const shelf = await openShelf()
  const topic = await shelf.store.topics.open('orders', { create: true })
  await topic.append({ kind: 'Noted', entity: 'e', data: 1 })
  const board = await shelf.store.histories.open('board', { create: { keyframeInterval: 4 } })
  for (let version = 1; version <= 10; version++) await board.append(value(version), { label: `v${version}` })
  const other = await shelf.store.histories.open('other', { create: true })
  await other.append(1)
  await shelf.store.close()
  const image = await imageOf(shelf.wire.storage)
  return { image, groups: await groupsOf(shelf.wire.storage, 'board') }
}

/** Paths of the files of a history, in the order of their versions. */
async function groupsOf(storage: Storage, name: string): Promise<string[]> {
  const state = (await readManifest(storage))?.state
  return (findHistory(state?.histories, name)?.groups ?? []).map(({ file }) => `histories/${name}/${file}.vgrp`)
}

const left = ({ notChecked }: VerifyReport) => notChecked.filter((sentence) => sentence.startsWith('histories'))
const salvaged = (image: StoreImage): Promise<Store> => openStore({ storage: imageStorage(image), readOnly: 'salvage' })
const withoutManifest = (image: StoreImage) =>
  new Map([...image].filter(([path]) => !path.startsWith('MANIFEST') && !path.startsWith('head')))

describe('verify() of histories', () => {
  test('rebuilds every version, in an open store or not', async () => {
    const { image } = await closedStore()
    const seen: string[] = []
    const report = await verifyStorage({
      storage: imageStorage(image),
      onProgress: ({ doneBytes, totalBytes }) => {
        expect(doneBytes).toBeLessThanOrEqual(totalBytes)
        seen.push(`${doneBytes} of ${totalBytes}`)
      },
    })
    expect(report).toMatchObject({ ok: true, problems: [], unknownFiles: [], versionsChecked: 11 })
    expect(left(report)).toEqual([])
    const bytes = [...image].reduce((sum, [path, file]) => sum + (path.endsWith('.vgrp') ? file.length : 0), 0)
    expect(seen.at(-1)).toBe(`${report.bytesChecked} of ${report.bytesChecked}`)
    expect(report.bytesChecked).toBeGreaterThan(bytes)
    const store = await openStore({ storage: imageStorage(image), readOnly: true })
    expect(await store.verify()).toMatchObject({ ok: true, versionsChecked: 11, bytesChecked: report.bytesChecked })
    await store.close()
  })

  test('names the file of damage, and checks the others all the same', async () => {
    const { image, groups } = await closedStore()
    const [first = '', , last = ''] = groups
    // In the keyframe of the one, in the last frame of the other.
    const flipped = flipBit(flipBit(image, first, 3_000), last, (image.get(last)?.length ?? 0) - 3)
    const report = await verifyImage(flipped)
    expect(report).toMatchObject({ ok: false, versionsChecked: 6 })
    expect(shapes(report)).toMatchObject([
      { code: 'VERSION_DAMAGED', file: first, damage: true },
      { code: 'VERSION_DAMAGED', file: last, damage: true },
    ])
    expect(report.problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('a wrong checksum in chunk 1'),
      expect.stringContaining('version 10 of history "board"'),
    ])
    const store = await openStore({ storage: imageStorage(flipped), readOnly: true })
    const board = await store.histories.open('board')
    expect(await board.verify()).toMatchObject({ ok: false, damaged: [1, 2, 3, 4, 10] })
    expect(await outcome(board.read({ version: 3 }))).toBe('VERSION_DAMAGED')
    expect(await board.read({ version: 9 })).toEqual(value(9))
    await store.close()
  })

  test('says that a file is missing, or another one, or shorter', async () => {
    const { image, groups } = await closedStore()
    const [a = '', b = ''] = groups
    const changes = [() => undefined, () => image.get(b), (bytes: Uint8Array) => bytes.subarray(0, 50)]
    for (const change of changes) {
      const report = await verifyImage(withFile(image, a, change))
      expect(shapes(report)).toMatchObject([{ code: 'VERSION_DAMAGED', file: a, damage: true }])
      expect(report.versionsChecked).toBe(7)
    }
  })

  test('reports every flipped bit of a group', async () => {
    const { image, groups } = await closedStore()
    const [, , path = ''] = groups
    const small = withFile(image, path, (bytes) => bytes)
    for (let position = 0; position < (image.get(path)?.length ?? 0); position += 97) {
      const report = await verifyImage(flipBit(small, path, position))
      expect({ position, ok: report.ok }).toEqual({ position, ok: false })
    }
  })

  test('knows files that no group names, and bytes behind the end, from strangers', async () => {
    const shelf = await openShelf()
    const board = await shelf.store.histories.open('board', { create: true })
    await board.append(1)
    const { storage } = shelf.wire
    await plant(storage, `histories/gone/${STRAY}`)
    await plant(storage, `histories/board/${STRAY}`)
    await plant(storage, 'histories/board/notes.txt')
    await plant(storage, 'histories/loose.txt')
    const [path = ''] = await groupsOf(storage, 'board')
    const handle = await storage.openAppend(path)
    await handle.append(new Uint8Array(30))
    await handle.close()
    for (const report of [await shelf.store.verify(), await verifyStorage({ storage })]) {
      expect(report).toMatchObject({ ok: true, versionsChecked: 1 })
      expect([...report.unknownFiles].sort()).toEqual(['histories/board/notes.txt', 'histories/loose.txt'])
      expect(left(report)).toEqual([
        'histories/board: bytes behind the ends of its groups, of appends that did not come to their end: 30.',
        expect.stringContaining('histories/board: files that '),
        expect.stringContaining('histories/gone: files that '),
      ])
    }
    await shelf.store.close()
  })

  test.each([true, false])('calls nothing damage that is replaced or deleted meanwhile, open: %s', async (isOpen) => {
    const shelf = await openShelf()
    const tiers = { raw: { forMs: 1 }, compressed: { forMs: 2 }, archive: { forMs: 3 } }
    for (const name of ['a', 'b', 'c']) {
      const history = await shelf.store.histories.open(name, { create: { keyframeInterval: 2, tiers } })
      for (let version = 1; version <= 6; version++) await history.append(version, { at: version })
    }
    const other = await openAgain(shelf, { readOnly: true })
    let changes = 0
    other.wire.before = ({ op, path }) => {
      if (op !== 'openRead' || !path.endsWith('.vgrp')) return undefined
      if (path.startsWith('histories/a/') && changes === 0) {
        changes++
        return shelf.store.histories.open('a').then((history) => history.cleanup())
      }
      if (!path.startsWith('histories/b/') || changes !== 1) return undefined
      changes++
      return shelf.store.histories.delete('b')
    }
    const report = isOpen ? await other.store.verify() : await verifyStorage({ storage: other.wire.storage })
    expect(changes).toBe(2)
    expect(report).toMatchObject({ ok: true, problems: [] })
    await other.store.close()
    await shelf.store.close()
  })

  test('leaves a history out whose files are replaced whenever it is checked', async () => {
    const shelf = await openShelf()
    const again = async () => {
      if ((await shelf.store.histories.list()).length > 0) await shelf.store.histories.delete('a')
      await (await shelf.store.histories.open('a', { create: true })).append(1)
    }
    await again()
    const other = await openAgain(shelf, { readOnly: true })
    // The clock of the test stands still, so that each one passes for the one before.
    other.wire.before = ({ op, path }) => (op === 'openRead' && path.endsWith('.vgrp') ? again() : undefined)
    const report = await other.store.verify()
    expect(report).toMatchObject({ ok: true, problems: [] })
    expect(left(report)).toContainEqual(expect.stringMatching(/^histories\/a: files of the history were replaced/))
    await other.store.close()
    await shelf.store.close()
  })

  test('ends with the reason of its signal, and when the store closes', async () => {
    const shelf = await openShelf()
    const board = await shelf.store.histories.open('board', { create: true })
    for (let version = 1; version <= 5; version++) await board.append(value(version))
    const abort = new AbortController()
    const ending = shelf.store.verify({
      signal: abort.signal,
      onProgress: ({ file }) => {
        if (file.endsWith('.vgrp')) abort.abort(new RangeError('enough'))
      },
    })
    shelf.clock.monotonic = steps()
    await expect(ending).rejects.toThrow('enough')
    let closed: Promise<void> | undefined
    const onProgress = ({ file }: { readonly file: string }) => {
      if (file.endsWith('.vgrp')) closed ??= shelf.store.close()
    }
    expect(await outcome(shelf.store.verify({ onProgress }))).toBe('STORE_CLOSED')
    await closed
  })

  test('checks loose files when no manifest can be read', async () => {
    const { image, groups } = await closedStore()
    const lost = new Map([
      ...withoutManifest(flipBit(image, groups[0] ?? '', 3_000)),
      [`histories/board/${STRAY}`, new Uint8Array(50)],
    ])
    const report = await verifyImage(lost)
    expect(shapes(report)).toMatchObject([
      { code: 'MANIFEST_DAMAGED', damage: true },
      { code: 'VERSION_DAMAGED', file: groups[0] },
    ])
    expect(report.versionsChecked).toBe(7)
    expect(report.notChecked).toContainEqual('histories: files whose beginning is not complete: 1.')
  })

  test('misses a manifest where there are only histories', async () => {
    const { image } = await closedStore()
    const only = new Map([...image].filter(([path]) => path.startsWith('histories/')))
    expect(shapes(await verifyImage(only))).toMatchObject([{ code: 'MANIFEST_DAMAGED' }])
    expect(await outcome(openStore({ storage: imageStorage(only) }))).toBe('MANIFEST_DAMAGED')
    const store = await salvaged(only)
    expect((await store.histories.list()).map(({ history }) => history)).toEqual(['board', 'other'])
    await store.close()
  })
})

/** A clock on which each look takes a second. */
function steps(): () => number {
  let now = 0
  return () => (now += 1_000)
}

describe('a salvage', () => {
  test('finds the histories of a store without a manifest by their files', async () => {
    const { image } = await closedStore()
    const store = await salvaged(withoutManifest(image))
    expect(await store.histories.list()).toMatchObject([
      { history: 'board', count: 10, newestVersion: 10, groups: 3 },
      { history: 'other', count: 1 },
    ])
    const board = await store.histories.open('board')
    for (let version = 1; version <= 10; version++) {
      expect(await board.read({ version, check: true })).toEqual(value(version))
      expect((await board.find({ label: `v${version}` })).version).toBe(version)
    }
    expect(await board.verify()).toMatchObject({ ok: true, versionsChecked: 10 })
    expect(await outcome(board.append(1))).toBe('STORE_READ_ONLY')
    await store.close()
  })

  test('takes, of files with the same versions, the one of which most can be read', async () => {
    const { image, groups } = await closedStore()
    const [first = ''] = groups
    const bytes = image.get(first) ?? new Uint8Array()
    const torn = new Map([...withoutManifest(image), [`histories/board/${STRAY}`, bytes.slice(0, bytes.length - 20)]])
    const damaged = withFile(torn, first, (whole) => {
      whole[3_000] = (whole[3_000] ?? 0) ^ 1
      return whole
    })
    for (const [files, count] of [
      [torn, 10],
      [damaged, 9],
    ] as const) {
      const store = await salvaged(files)
      const board = await store.histories.open('board')
      expect((await board.stats()).count).toBe(count)
      expect(await board.read({ version: 3, check: true })).toEqual(value(3))
      expect(await board.verify()).toMatchObject({ ok: true, versionsChecked: count })
      await store.close()
    }
  })

  test('says which versions are lost, and reads those that are not', async () => {
    const { image, groups } = await closedStore()
    const [first = '', second = ''] = groups
    const length = image.get(first)?.length ?? 0
    // A frame in the middle; a header.
    const flipped = flipBit(flipBit(withoutManifest(image), first, length - 100), second, 5)
    const store = await salvaged(flipped)
    const board = await store.histories.open('board')
    expect(await board.read({ version: 1 })).toEqual(value(1))
    expect(await board.read({ version: 10 })).toEqual(value(10))
    const { damaged } = await board.verify()
    expect(damaged.length).toBeGreaterThan(0)
    expect(await outcome(board.read({ version: damaged[0] ?? 0 }))).toBe('VERSION_DAMAGED')
    expect(await outcome(board.read({ version: 6 }))).toBe('VERSION_GONE')
    expect(store.openReport.ignored).toContainEqual(`${second}: its beginning is damaged or not complete`)
    expect(store.openReport.ignored).toContainEqual(`histories/board: versions that cannot be read: ${damaged.length}`)
    await store.close()
  })

  test('says which histories have no file that begins well', async () => {
    const { image, groups } = await closedStore()
    const store = await salvaged(
      groups.reduce<StoreImage>((now, path) => flipBit(now, path, 5), withoutManifest(image)),
    )
    expect((await store.histories.list()).map(({ history }) => history)).toEqual(['other'])
    expect(store.openReport.ignored).toContainEqual('histories/board: all of its 3 files begin damaged')
    await store.close()
  })

  test('goes by a manifest that is whole, and reads what is not damaged', async () => {
    const { image, groups } = await closedStore()
    const store = await salvaged(flipBit(image, groups[1] ?? '', 5))
    const board = await store.histories.open('board')
    expect(await board.read({ version: 4 })).toEqual(value(4))
    expect(await outcome(board.read({ version: 5 }))).toBe('VERSION_DAMAGED')
    await store.close()
  })

  test('keeps what a torn manifest says of histories whose files are whole, and finds what it does not say', async () => {
    const shelf = await openShelf()
    const board = await shelf.store.histories.open('board', { create: { keyframeInterval: 4, keyField: 'id' } })
    for (let version = 1; version <= 4; version++) await board.append(value(version))
    await board.pin({ version: 2 })
    const { storage } = shelf.wire
    const [manifest = ''] = (await storage.list(''))
      .map(({ name }) => name)
      .filter((name) => name.startsWith('MANIFEST'))
    const size = (await imageOf(storage)).get(manifest)?.length ?? 0
    for (let version = 5; version <= 10; version++) await board.append(value(version))
    await shelf.store.close()
    const image = await imageOf(storage)
    const [, second = ''] = await groupsOf(storage, 'board')
    const store = await salvaged(flipBit(flipBit(image, manifest, size + 40), second, 5))
    const again = await store.histories.open('board')
    expect(await again.stats()).toMatchObject({
      count: 6,
      newestVersion: 10,
      pinned: [2],
      settings: { keyField: 'id' },
    })
    expect(await again.read({ version: 9 })).toEqual(value(9))
    await store.close()
  })

  test('keeps the states of projections', async () => {
    const shelf = await openShelf()
    await (await shelf.store.topics.open('orders', { create: true })).append({ kind: 'Noted', entity: 'e', data: 1 })
    const fold = {
      version: 1,
      initial: () => ({ count: 0 }),
      apply: (state: { count: number }) => ({ count: state.count + 1 }),
    }
    for (const keep of ['document', 'history'] as const)
      await (await shelf.store.projections.open(keep, { create: { topic: 'orders', keep }, fold })).run()
    await shelf.store.close()
    const store = await salvaged(withoutManifest(await imageOf(shelf.wire.storage)))
    expect(await store.documents.read('_document')).toEqual({ count: 1 })
    expect(await (await store.histories.open('_history')).read({ path: 'count' })).toBe(1)
    await store.close()
  })
})
